"""Measure weights of the segmenter before they ship: manual labels, retest, tone, rotation, resolution.

    python -m benchmarks.segmenter_weights measure --data FOLDER --weights FILE --shifts FILE --out rows.tsv
    python -m benchmarks.segmenter_weights print rows.tsv [more.tsv]

``measure`` appends one row for each structure of each scan, so a run can be split over processes by ``--part``
(1/3, 2/3, 3/3). Both hemispheres are summed. Manual labels measure only; nothing is chosen by them.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.spatial.transform import Rotation

from benchmarks.machine import machine_line
from benchmarks.segmentation_references import cohort_images, manual_images, manual_labels
from plausibrain.cohorts.structures import names, region_of, structure
from plausibrain.cohorts.volumes import Volume, read_volume, resample
from plausibrain.evaluation.channels import CHANNELS
from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet
from plausibrain.evaluation.posteriors import keep_largest, label_ids, soft_volumes
from plausibrain.evaluation.segmenters.synthseg_style import predict_both_ways, read_network
from plausibrain.evaluation.working_grid import make_working_image, sample_on

RETEST = (("1003", "1023"), ("1004", "1024"))
LARGE = ("Cerebral-White-Matter", "Cerebral-Cortex", "Lateral-Ventricle", "Thalamus", "Caudate", "Putamen",
         "Hippocampus", "Brain-Stem", "Cerebellum-Cortex")  # fmt: skip
_WHOLE = "as it is"


@dataclass(frozen=True)
class Ruler:
    """A network and what is added to its logits."""

    network: HalfResolutionUNet
    shifts: torch.Tensor

    def measure(self, image: Volume) -> tuple[np.ndarray, dict[str, float]]:
        """Return labels on the image's grid and soft volumes, mm3."""
        working = make_working_image(image)
        data = torch.from_numpy(working.data)
        raw, _ = predict_both_ways(self.network, data, working.voxel_mm3, shifts=self.shifts)
        posteriors, _ = keep_largest(raw)
        winners = sample_on(posteriors.structures, posteriors.left, working.affine, image)
        return label_ids(*winners), soft_volumes(posteriors)


def read_shifts(path: Path | None, answer_mm: str = "1") -> torch.Tensor:
    """Return the shift of every channel from a file of boundaries, (19,); zeros without one."""
    given = {} if path is None else json.loads(path.read_text())["shifts"][answer_mm]
    return torch.tensor([float(given.get(structure(a).region, 0.0)) if a else 0.0 for a, _ in CHANNELS])


def variants(image: Volume) -> Iterator[tuple[str, Volume]]:
    """Yield the image in other tones, turned, in larger voxels and in 256 grey values."""
    data = np.maximum(image.data - image.data.min(), 0)
    unit = data / data.max()
    yield _WHOLE, image
    for gamma in (0.7, 1.5):
        yield f"gamma {gamma}", Volume((unit**gamma).astype(np.float32), image.affine)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", (20, 0, 0), degrees=True).as_matrix()
    yield "turned by 20 degrees in the header", Volume(image.data, turn @ image.affine)
    yield "2 mm", resample(image, 2.0)
    yield "256 grey values", Volume(np.round(unit * 255).astype(np.float32), image.affine)


def by_region(volumes: dict[str, float]) -> dict[str, float]:
    """Return volumes with left and right summed."""
    total: dict[str, float] = {}
    for name in names("aseg"):
        total[region_of(name)] = total.get(region_of(name), 0.0) + volumes[name]
    return total


def manual_rows(ruler: Ruler, data: Path, part: tuple[int, int]) -> Iterator[dict[str, object]]:
    """Yield Dice and volumes of every structure of the scans with manual labels."""
    for scan, (image_path, label_path) in list(manual_images(data).items())[part[0] - 1 :: part[1]]:
        image, truth = read_volume(image_path), manual_labels(label_path)
        labels, soft = ruler.measure(image)
        for region, volume in by_region(soft).items():
            ids = [structure(name).index for name in names("aseg") if region_of(name) == region]
            pairs = [(labels == k, truth.data == k) for k in ids]
            dice = np.mean([2 * (a & b).sum() / max(1, a.sum() + b.sum()) for a, b in pairs])
            manual = sum(int(b.sum()) for _, b in pairs) * truth.voxel_volume_mm3
            yield {
                "scan": scan,
                "variant": "manual",
                "region": region,
                "dice": dice,
                "mm3": volume,
                "manual": manual,
            }


def variant_rows(
    ruler: Ruler, data: Path, n_scans: int, part: tuple[int, int]
) -> Iterator[dict[str, object]]:
    """Yield volumes of scans of ds002748 in every variant."""
    paths = list(cohort_images(data)[0].items())[:n_scans]
    for scan, path in paths[part[0] - 1 :: part[1]]:
        for variant, image in variants(read_volume(path)):
            for region, volume in by_region(ruler.measure(image)[1]).items():
                yield {"scan": scan, "variant": variant, "region": region, "mm3": volume}


def manual_lines(table: pd.DataFrame) -> list[str]:
    """Return Dice and bias by structure, and the retest; the protocol labels CSF in few places only."""
    rows = table[(table["variant"] == "manual") & (table["manual"] > 0) & (table["region"] != "CSF")].copy()
    if rows.empty:
        return []
    rows["bias"] = 100 * (rows["mm3"] / rows["manual"] - 1)
    lines = [
        f"{rows['scan'].nunique()} scans with manual labels:",
        "",
        "| structure | Dice | worst | bias % | SD |",
    ]
    lines.append("|---|---|---|---|---|")
    for region, own in rows.groupby("region", sort=False):
        dice, bias = own["dice"], own["bias"]
        lines.append(
            f"| {region} | {dice.mean():.3f} | {dice.min():.3f} | {bias.mean():+.1f} | {bias.std():.1f} |"
        )
    volumes = rows.pivot_table(index="region", columns="scan", values="mm3", sort=False)
    pairs = [pair for pair in RETEST if set(pair) <= set(volumes.columns)]
    if pairs:
        lines += [
            "",
            "| structure, scanned twice | mL | " + " | ".join(f"{a}, {b}: %" for a, b in pairs) + " |",
            "|---|---|" + "---|" * len(pairs),
        ]
        mean_ml = volumes.mean(axis=1) / 1000
        change = pd.DataFrame(
            {a: 200 * (volumes[a] - volumes[b]).abs() / (volumes[a] + volumes[b]) for a, b in pairs}
        )
        for region in volumes.index:
            cells = " | ".join(f"{d:.1f}" for d in change.loc[region])
            lines.append(f"| {region} | {mean_ml[region]:.1f} | {cells} |")
    return [*lines, ""]


def variant_lines(table: pd.DataFrame) -> list[str]:
    """Return the mean change of volumes in every variant, and the largest of a scan, %."""
    rows = table[table["variant"] != "manual"]
    if rows.empty:
        return []
    volumes = rows.pivot_table(index=["scan", "region"], columns="variant", values="mm3", sort=False)
    change = 100 * (volumes.div(volumes[_WHOLE], axis=0) - 1).drop(columns=_WHOLE)
    n = change.index.get_level_values("scan").nunique()
    lines = [f"Change of volume, %, mean of {n} scans (largest of a scan):", ""]
    lines += ["| structure | " + " | ".join(change.columns) + " |", "|---|" + "---|" * len(change.columns)]
    for region in LARGE:
        own = change[change.index.get_level_values("region") == region]
        cells = zip(own.mean(), own.abs().max(), strict=True)
        lines.append(f"| {region} | " + " | ".join(f"{a:+.1f} ({b:.1f})" for a, b in cells) + " |")
    return [*lines, ""]


def main() -> None:
    """Measure or print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    measure = actions.add_parser("measure")
    measure.add_argument("--data", type=Path, required=True)
    measure.add_argument("--weights", type=Path, required=True)
    measure.add_argument("--shifts", type=Path)
    measure.add_argument("--out", type=Path, required=True)
    measure.add_argument("--part", default="1/1")
    measure.add_argument(
        "--variants", type=int, default=0, help="scans of ds002748 to vary, instead of manual scans"
    )
    shown = actions.add_parser("print")
    shown.add_argument("rows", type=Path, nargs="+")
    given = parser.parse_args()
    if given.action == "print":
        table = pd.concat([pd.read_csv(path, sep="\t", dtype={"scan": str}) for path in given.rows])
        print("\n".join([machine_line(), "", *manual_lines(table), *variant_lines(table)]))
        return
    torch.set_num_threads(1)
    ruler = Ruler(read_network(given.weights), read_shifts(given.shifts))
    first, total = (int(v) for v in given.part.split("/"))
    rows = (
        variant_rows(ruler, given.data, given.variants, (first, total))
        if given.variants
        else manual_rows(ruler, given.data, (first, total))
    )
    done: list[dict[str, object]] = []
    for row in rows:
        done.append(row)
        pd.DataFrame(done).to_csv(given.out, sep="\t", index=False)


if __name__ == "__main__":
    main()
