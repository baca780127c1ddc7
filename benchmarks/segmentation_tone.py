"""What tone, rotation and resolution do to volumes: the same scans changed in ways that leave anatomy alone."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import ndimage

from makers.scan_sources import ScanSource
from plausibrain.cohorts.store import Store
from plausibrain.cohorts.structures import TIV, region_of
from plausibrain.cohorts.volumes import Volume, resample, to_canonical

#: Structures above about 3 mL whose volumes must not move.
LARGE = (
    "Cerebral-White-Matter", "Cerebral-Cortex", "Lateral-Ventricle", "Cerebellum-Cortex", "Thalamus", "Caudate",
    "Putamen", "Hippocampus", "Brain-Stem", TIV,
)  # fmt: skip
GOAL_PERCENT = 3.0
_FORM = 1


def tone(power: float) -> Callable[[Volume], Volume]:
    """Return the change that raises grey values, scaled to 0 to 1, to a power."""

    def change(image: Volume) -> Volume:
        top = float(np.percentile(image.data, 99.9))
        return Volume(top * np.clip(image.data / top, 0, None) ** power, image.affine)

    return change


def uneven(image: Volume) -> Volume:
    """Return the image under a smooth field from about 0.8 to 1.2."""
    field = ndimage.zoom(
        np.random.default_rng(0).standard_normal((3, 3, 3)), np.array(image.shape) / 3, order=3
    )
    return Volume((image.data * (1 + 0.2 * field / np.abs(field).max())).astype(np.float32), image.affine)


def turned(image: Volume) -> Volume:
    """Return the image turned by 20 degrees about the axis from left to right, in its header alone."""
    angle = np.radians(20)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return Volume(image.data, turn @ image.affine)


def eight_bits(image: Volume) -> Volume:
    """Return the image in 256 grey values."""
    top = float(np.percentile(image.data, 99.9))
    return Volume(np.round(255 * np.clip(image.data / top, 0, 1)).astype(np.float32), image.affine)


def coarse(image: Volume) -> Volume:
    """Return the image in voxels of 2 mm, each the mean of those of 1 mm in it."""
    smooth = Volume(ndimage.gaussian_filter(image.data, 0.8 / np.asarray(image.voxel_size_mm)), image.affine)
    return resample(smooth, 2.0)


CHANGES: dict[str, Callable[[Volume], Volume]] = {
    "gamma 0.7": tone(0.7),
    "gamma 1.5": tone(1.5),
    "field of 0.8 to 1.2": uneven,
    "turned by 20 degrees": turned,
    "voxels of 2 mm": coarse,
    "256 grey values": eight_bits,
}


def changed_sources(scans: Sequence[ScanSource]) -> list[tuple[str, ScanSource, ScanSource]]:
    """Return the change, the scan as it is and as it was changed."""
    return [(name, scan, _changed(scan, name)) for scan in scans for name in CHANGES]


def _changed(scan: ScanSource, name: str) -> ScanSource:
    def make_image() -> Volume:
        return CHANGES[name](to_canonical(scan.make_image()))

    return ScanSource(
        scan.group, scan.name, ("changed", name, scan.identity, _FORM), make_image, scan.answer_mm
    )


def tone_section(scans: Sequence[ScanSource], store: Store) -> list[str]:
    """Return the lines of the section: mean change of volume over scans, and whether it was flagged."""
    rows = []
    for name, scan, changed in changed_sources(scans):
        before, after = scan.segmented(store).result.volumes, changed.segmented(store).checked
        for region in LARGE:
            members = [n for n in before if region_of(n) == region]
            ratio = sum(after.volumes[n] for n in members) / sum(before[n] for n in members)
            rows.append((name, scan.name, region, 100 * (ratio - 1), after.status != "ok"))
    table = pd.DataFrame(rows, columns=["change", "scan", "region", "percent", "flagged"])
    lines = [
        "## Tone, rotation, resolution", "",
        f"Stripped scans of 1 mm (n = {len(scans)}), changed without touching their anatomy. Mean change of volume in %, left and right summed, and the largest of a scan in parentheses; goal: a mean within {GOAL_PERCENT:.0f} %.", "",
        "| change | " + " | ".join(LARGE) + " | flagged |", "|---|" + "---|" * (len(LARGE) + 1),
    ]  # fmt: skip
    for change, part in table.groupby("change", sort=False):
        changes = part.groupby("region", sort=False)["percent"]
        means, largest = changes.mean(), changes.agg(lambda x: x.abs().max())
        n_flagged = int(part.groupby("scan")["flagged"].first().sum())
        cells = " | ".join(f"{means[region]:+.1f} ({largest[region]:.1f})" for region in LARGE)
        lines.append(f"| {change} | {cells} | {n_flagged} of {len(scans)} |")
    return [*lines, ""]
