"""Measure the segmenter's error and print ``docs/validation_segmentation.md``.

    python -m benchmarks.validate_segmentation --data FOLDER --store FOLDER --out docs/validation_segmentation.md

Real scans come from the folder of test data (its SOURCES.md says from where and under which licence); none of
them was used for training. Segmentations are kept in the store, so a second run only repeats what changed.
"""

import argparse
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.implausible_images import battery_section, sound_sets, tested_manual_scans
from benchmarks.machine import stamp
from benchmarks.segmentation_age import age_section
from benchmarks.segmentation_cortex import cortex_section
from benchmarks.segmentation_protocol import (
    ceiling_lines,
    compare_volumes,
    corrected_dice,
    count_volumes,
    family_volumes,
    halves,
    norm_volumes,
    stored_curves,
    training_map_volumes,
)
from benchmarks.segmentation_references import (
    dlmuse_labels,
    freesurfer_labels,
    manual_images,
    manual_labels,
    manual_subjects,
)
from benchmarks.segmentation_speed import speed_section
from benchmarks.segmentation_tone import tone_section
from makers.scan_sources import file_sources
from plausibrain.cohorts.arithmetic import image_threads
from plausibrain.cohorts.image_parts import keep_freed_memory
from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.cohorts.structures import TIV, names, region_of, structure
from plausibrain.cohorts.volumes import LabelMap, to_canonical
from plausibrain.evaluation.segmentation import QC_GROUPS, Segmentation
from plausibrain.evaluation.segmenters.synthseg_style import network_version

#: Goals on stripped scans with manual labels, mean Dice over left and right.
TARGETS = {
    "Cerebral-White-Matter": 0.92,
    "Cerebral-Cortex": 0.89,
    "Thalamus": 0.87,
    "Caudate": 0.87,
    "Putamen": 0.86,
    "Hippocampus": 0.81,
}
#: Goals for the mean bias of volume, %.
BIAS_TARGETS = {"Cerebral-White-Matter": 4.0, "Cerebral-Cortex": 8.0}
HEAD_TARGETS = {"Cerebral-Cortex": (0.86, 10.0)}
RETEST = (("1003", "1023"), ("1004", "1024"))
_FLUID = 24

INTRO = """# How accurate is the segmenter? `synthseg_style` on real brains

None of these scans was used for training. Manual labels: skull-stripped T1w scans of subjects aged 19 to 34 (OASIS; labels by
Neuromorphometrics, Inc.), six of the 19, among them two subjects scanned twice. Protocols differ from FreeSurfer's, which
the training labels follow, so a Dice of one is out of reach: the manual cortex ends elsewhere at sulci and at
the medial wall; the vermis has no side there; CSF is labelled in few places, so CSF has no meaningful Dice;
ventral DC and the brain-stem are cut at other planes; and the lateral ventricle's temporal horn begins elsewhere.
Bias compares soft volumes with voxel counts of the reference.

Printed by `benchmarks/validate_segmentation.py`; which network each part was printed with, and when, stands below its heading."""

PROTOCOL = """## How much of the error is protocol?

Mean volumes. The norms are published means of FreeSurfer volumes at the same ages and sexes (BrainChart; brain-stem FCON1000),
not adjusted for head size; FreeSurfer's protocol is that of the training label maps (20 adults, most of them older). Where norm and
manual volume differ by as much as ours and the manual one, the bias is the protocol's."""


CEILING = """## Dice when the protocol's volume is corrected

One correction per structure: the posterior is cut at the threshold that finds as many voxels as the manual labels have, summed over
half of the subjects; Dice is that of the other half, both ways. A measurement of what is reachable where protocols differ in how far
out a boundary lies. Nothing of this ships, and it does not correct where a structure is cut (tail of the caudate, temporal horn)."""


@dataclass(frozen=True)
class Scan:
    """A segmented scan with its reference labels on the same grid, both in canonical orientation."""

    name: str
    result: Segmentation
    reference: LabelMap


def score(scans: Iterable[Scan]) -> pd.DataFrame:
    """Return Dice and volume bias (%) per scan and structure.

    Bias compares soft volumes with voxel counts of the reference.
    """
    rows = []
    for scan in scans:
        if scan.result.labels is None:
            continue
        for name in names("aseg"):
            index = structure(name).index
            a, b = scan.result.labels.data == index, scan.reference.data == index
            if not b.any():
                continue
            volume = b.sum() * scan.reference.voxel_volume_mm3
            dice = 2 * (a & b).sum() / (a.sum() + b.sum())
            bias = 100 * (scan.result.volumes[name] / volume - 1)
            rows.append((scan.name, name, region_of(name), dice, bias, volume))
    return pd.DataFrame(rows, columns=["scan", "structure", "region", "dice", "bias", "volume"])


def segment(paths: Mapping[str, Path], store: Store) -> dict[str, Segmentation]:
    """Return the segmentations of our segmenter by name, checked for plausibility."""
    sources = file_sources("validation", list(paths.values()))
    return {name: source.segmented(store).checked for name, source in zip(paths, sources, strict=True)}


def manual_section(data: Path, store: Store) -> list[str]:
    """Return the section on the scans with manual labels."""
    wanted = {path.name[:4] for path in tested_manual_scans(data)}
    files = {name: both for name, both in manual_images(data).items() if name in wanted}
    results = segment({name: image for name, (image, _) in files.items()}, store)
    scans = [Scan(n, r, canonical(manual_labels(files[n][1]))) for n, r in results.items()]
    table = score(scans)
    lines = [
        f"## Against manual labels ({len(scans)} scans)", "",
        "| structure (left and right) | Dice | SD over scans | worst | bias % | SD | goal | reached |",
        "|---|---|---|---|---|---|---|---|",
        *_structure_lines(table),
    ]  # fmt: skip
    references = {scan.name: count_volumes(scan.reference) for scan in scans}
    return [
        *lines, "", *retest_section(results, references), *quality_section(scans), *protocol_section(data, scans),
        *cortex_section(data, [scan.name for scan in scans], store),
    ]  # fmt: skip


def _structure_lines(table: pd.DataFrame) -> list[str]:
    by_scan = table.groupby(["region", "scan"])[["dice", "bias"]].mean()
    lines = []
    for region in dict.fromkeys(region_of(name) for name in names("aseg")):
        if region not in by_scan.index.get_level_values(0) or region == "CSF":
            continue
        part = by_scan.loc[region]
        goal, bias_goal = TARGETS.get(region), BIAS_TARGETS.get(region)
        met = [round(float(part["dice"].mean()), 3) >= goal] if goal else []
        met += [abs(part["bias"].mean()) <= bias_goal] if bias_goal else []
        words = " and ".join(([f"{goal}"] if goal else []) + ([f"±{bias_goal:.0f} %"] if bias_goal else []))
        reached = "" if not met else ", ".join("yes" if one else "no" for one in met)
        lines.append(
            f"| {region} | {part['dice'].mean():.3f} | {part['dice'].std():.3f} | {part['dice'].min():.3f} | "
            f"{part['bias'].mean():+.1f} | {part['bias'].std():.1f} | {words} | {reached} |"
        )
    return lines


def canonical(labels: LabelMap) -> LabelMap:
    """Return a label map with axes right, anterior, superior."""
    turned: LabelMap = to_canonical(labels)
    return turned


def protocol_section(data: Path, scans: Iterable[Scan]) -> list[str]:
    """Return the section on what of the error is protocol: volumes beside the norms."""
    scans = list(scans)
    subjects = manual_subjects(data).loc[[scan.name for scan in scans]]
    ours = pd.DataFrame({s.name: family_volumes(s.result.volumes) for s in scans}).T
    manual = pd.DataFrame({s.name: family_volumes(count_volumes(s.reference)) for s in scans}).T
    subject = subjects["person"]
    return [
        *PROTOCOL.splitlines(), "",
        f"The {subject.nunique()} subjects with manual labels (of subjects scanned twice, the mean):", "",
        *compare_volumes(
            ours.groupby(subject).mean(),
            norm_volumes(subjects.loc[~subject.duplicated()]),
            manual.groupby(subject).mean(),
            training_map_volumes(data / "labelmaps"),
        ),
    ]  # fmt: skip


def ceiling_section(data: Path, store: Store) -> list[str]:
    """Return the section on Dice after one correction per structure; segments all 19 scans once more."""
    files = manual_images(data)
    half = dict(zip(files, halves(list(manual_subjects(data)["person"])), strict=True))
    curves = [
        stored_curves(image, manual_labels(labels), store).assign(scan=name, half=half[name])
        for name, (image, labels) in files.items()
    ]
    return [*CEILING.splitlines(), "", *ceiling_lines(corrected_dice(pd.concat(curves)), TARGETS)]


def retest_section(
    results: Mapping[str, Segmentation], references: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """Return the section on the two subjects scanned twice, with what the manual labels say of both scans.

    Parameters
    ----------
    results : mapping of str to Segmentation
    references : mapping of str to mapping
        Manual volumes, mm3, by scan and structure.
    """
    lines = [
        "## Two subjects scanned twice", "",
        "Second scan minus first, in % of their mean, left and right summed: our soft volumes, and the manual labels of the same two scans. "
        "Goal for ours: at most 3 % above 3 mL. What both find in the same direction may have changed between the visits.", "",
        "| structure | " + " | ".join(f"{a} to {b} | manual" for a, b in RETEST) + " | mL | reached |",
        "|---|" + "---|" * (2 * len(RETEST) + 2),
    ]  # fmt: skip
    for region in [*dict.fromkeys(region_of(name) for name in names("aseg")), TIV]:
        members = [n for n in (*names("aseg"), TIV) if region_of(n) == region]
        pairs = [[sum(results[s].volumes[n] for n in members) for s in pair] for pair in RETEST]
        manual = [[sum(references[s].get(n, 0.0) for n in members) for s in pair] for pair in RETEST]
        percents, by_hand = ([200 * (b - a) / max(a + b, 1e-9) for a, b in both] for both in (pairs, manual))
        size = np.mean(pairs) / 1000
        reached = "" if size < 3 else "yes" if max(map(abs, percents)) <= 3 else "no"
        labelled = region not in (TIV, "CSF")
        cells = [
            f"{p:+.1f} | {h:+.1f}" if labelled else f"{p:+.1f} | "
            for p, h in zip(percents, by_hand, strict=True)
        ]
        lines.append(f"| {region} | {' | '.join(cells)} | {size:.1f} | {reached} |")
    return [*lines, ""]


def quality_section(scans: Iterable[Scan]) -> list[str]:
    """Return the section on predicted against true Dice; a group is one structure, as in the score."""
    rows = []
    for scan in scans:
        if scan.result.labels is None:
            continue
        for group, members in QC_GROUPS.items():
            ids = [index for index in members if index != _FLUID]
            a, b = np.isin(scan.result.labels.data, ids), np.isin(scan.reference.data, ids)
            rows.append((group, scan.result.qc.get(group, np.nan), 2 * (a & b).sum() / (a.sum() + b.sum())))
    table = pd.DataFrame(rows, columns=["group", "predicted", "true"])
    lines = [
        "## Does the quality score predict Dice?", "",
        "The structures of a group are joined; the fluid around the brain is left out (stripped scans).", "",
        "| group | predicted | true | r over scans |",
        "|---|---|---|---|",
    ]  # fmt: skip
    for joined, part in table.groupby("group", sort=False):
        varies = len(part) > 2 and part["predicted"].std() > 0
        r = np.corrcoef(part["true"], part["predicted"])[0, 1] if varies else np.nan
        lines.append(f"| {joined} | {part['predicted'].mean():.2f} | {part['true'].mean():.2f} | {r:.2f} |")
    return [*lines, ""]


def heads_section(data: Path, store: Store) -> list[str]:
    """Return the section on whole heads, after the default path: stripped by deepbet, then segmented."""
    folder = data / "t1w"
    head = folder / "heads" / "dktatlas_T1w.nii.gz"
    one = Scan(
        "dktatlas", segment({"dktatlas": head}, store)["dktatlas"],
        canonical(freesurfer_labels(folder / "heads" / "dktatlas_aparc+aseg.nii.gz")),
    )  # fmt: skip
    sources = sound_sets(data)["IXI, whole heads, 2 mm, answered at 1 mm"]
    several = [
        Scan(
            source.name, source.segmented(store).checked,
            canonical(dlmuse_labels(folder / "ixi_2mm" / f"{source.name}_DLMUSE.nii.gz")),
        )
        for source in sources
    ]  # fmt: skip
    tables = score([one]), score(several)
    regions = [r.groupby(["region", "scan"])[["dice", "bias"]].mean() for r in tables]
    lines = [
        "## Whole heads", "",
        f"Stripped by deepbet as every head is, then segmented at 1 mm. One defaced head of 1 mm against FreeSurfer's labels, and {len(several)} heads of IXI at 2 mm against labels of DLMUSE (another program, "
        "whose protocol is that of the manual labels above; whole voxels of 2 mm, so the Dice of thin structures is bounded by them). Goal after this path: cortex 0.86 and bias within ±10 %.", "",
        "| structure | Dice, 1 mm head | bias % | Dice, IXI at 2 mm | SD | bias % | SD |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for region in dict.fromkeys(region_of(name) for name in names("aseg")):
        if region == "CSF" or any(region not in r.index.get_level_values(0) for r in regions):
            continue
        first, rest = regions[0].loc[region].iloc[0], regions[1].loc[region]
        lines.append(
            f"| {region} | {first['dice']:.3f} | {first['bias']:+.1f} | {rest['dice'].mean():.3f} | {rest['dice'].std():.3f} | "
            f"{rest['bias'].mean():+.1f} | {rest['bias'].std():.1f} |"
        )
    shares = [scan.result.facts["mask_ml"] for scan in several]
    return [
        *lines, "",
        f"TIV of the heads of IXI: {np.mean([s.result.volumes[TIV] for s in several]) / 1000:.0f} mL, {np.mean(shares):.0f} mL of it inside deepbet's mask before segmenting.", "",
    ]  # fmt: skip


#: Parts of the page, and how the headings of each begin.
PARTS = {
    "manual": (
        "Against manual labels",
        "Two subjects",
        "Does the quality score",
        "How much of the error",
        "Does the cortex",
    ),
    "age": ("Age",),
    "heads": ("Whole heads",),
    "tone": ("Tone, rotation, resolution",),
    "battery": ("Implausible images",),
    "speed": ("Seconds and memory",),
    "ceiling": ("Dice when the protocol",),
}


def make_part(part: str, data: Path, store: Store) -> list[str]:
    """Return the lines of one part of the page."""
    if part == "manual":
        return manual_section(data, store)
    if part == "age":
        return age_section(store)
    if part == "heads":
        return heads_section(data, store)
    if part == "tone":
        return tone_section(file_sources("OASIS", tested_manual_scans(data)[:4]), store)
    if part == "battery":
        return battery_section(data, store)
    return speed_section(data) if part == "speed" else ceiling_section(data, store)


def earlier_part(part: str, page: str) -> list[str]:
    """Return the lines of one part of a page that was printed earlier, with the network it was printed with."""
    lines: list[str] = []
    for section in page.split("\n## ")[1:]:
        if section.startswith(PARTS[part]):
            lines += [*f"## {section}".splitlines(), ""]
    stamps = [line for line in page.splitlines() if line.startswith("Network ")]
    if lines and stamps and not any(line.startswith("Network ") for line in lines):
        lines[1:1] = ["", stamps[0]]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=Path("runs/validation"))
    parser.add_argument(
        "--parts", nargs="+", choices=list(PARTS), default=[part for part in PARTS if part != "ceiling"],
        help="what is measured; other parts stay as they are in --out, each with the network it was printed with",
    )  # fmt: skip
    args = parser.parse_args()
    keep_freed_memory()
    started, store = time.perf_counter(), Store(args.store)
    page = args.out.read_text() if args.out.exists() else ""
    lines = [*INTRO.splitlines(), ""]
    for part in PARTS:
        if part in args.parts:
            with image_threads():
                first, *rest = make_part(part, args.data, store)
            lines += [first, "", f"Network {network_version()}; {stamp()}.", *rest]
        else:
            lines += earlier_part(part, page)
    write_text_atomic(args.out, "\n".join(lines).rstrip() + "\n")
    print(f"{args.out} written after {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
