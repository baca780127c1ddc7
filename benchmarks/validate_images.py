"""Image quality on real scans: what halves of one cohort show, and what injected faults do. Prints docs/images.md.

    python -m benchmarks.validate_images --scans DS002748 --cache FOLDER > docs/images.md

Sixteen scans are too few for verdicts, so the page shows what verdicts rest on: how far two halves of the
real cohort lie apart by chance, and how far a half with an injected fault lies from the other. Segmentations
and measurements are kept in the cache; nothing is measured twice.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.machine import stamp
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.volumes import LabelMap, Volume, read_label_map, read_volume
from plausibrain.evaluation.image_normalisation import condition
from plausibrain.evaluation.measure_cohort import measure_cohort
from plausibrain.evaluation.measuring import all_measures, measure_scan
from plausibrain.generation.injection import defects, inject_in_image
from plausibrain.image_files import image_and_label_files
from plausibrain.imaging import measured

N_SPLITS = 1000
VOXEL_MM = 1.0
#: Faults are injected and measured at this resolution, in memory.
FAULT_MM = 2.0
MARGIN = 0.5


def main() -> None:
    """Measure, split, and print the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args()
    cohort = measured(read_cohort(given.scans), given.cache / "segmented")
    files = image_and_label_files(cohort, given.cache / "segmented")
    if files is None:
        raise SystemExit(f"{given.scans}: no images with label maps")
    labels = files[1]
    clean = numbers(cohort, labels, given.cache)
    page = [*introduction(cohort, clean), *table_of_measures(clean), *null_of_halves(clean)]
    page += injected_faults(coarse_scans(cohort, labels), list(clean.columns))
    sys.stdout.write("\n".join(page) + "\n")


def numbers(cohort: Cohort, labels: tuple[Path | None, ...], cache: Path) -> pd.DataFrame:
    """Measures of every scan that has all of them, without those that no scan has."""
    result = measure_cohort(cohort, labels, out=cache / "measured", voxel_mm=VOXEL_MM)
    table = result.cohort.measures
    if table is None:
        raise SystemExit("nothing was measured")
    return table.dropna(axis=1, how="all").set_axis(list(cohort.subjects["participant_id"]))


def introduction(cohort: Cohort, clean: pd.DataFrame) -> list[str]:
    """Head of the page."""
    subjects = cohort.subjects
    return [
        "# Image quality: check on real scans",
        "",
        f"Printed by `python -m benchmarks.validate_images --scans DS002748 --cache FOLDER` on {stamp()}.",
        "",
        f"{len(clean)} scans of OpenNeuro ds002748 ({int((subjects['sex'] == 'F').sum())} women, "
        f"{subjects['age'].min():.0f} to {subjects['age'].max():.0f} years, skull-stripped), segmented by "
        f"`synthseg_style`, measured at {VOXEL_MM:g} mm. The background is zero, so what needs air is left out: "
        f"{', '.join(sorted(_all_columns() - set(clean.columns)))}.",
        "",
    ]


def table_of_measures(clean: pd.DataFrame) -> list[str]:
    """Median and range of every measure."""
    lines = ["| measure | median | lowest | highest |", "|---|---|---|---|"]
    for name in clean.columns:
        values = clean[name]
        lines.append(f"| `{name}` | {values.median():.3g} | {values.min():.3g} | {values.max():.3g} |")
    return [*lines, ""]


def differences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Second minus first group in standard deviations of the first, (k,)."""
    return (second.mean(axis=0) - first.mean(axis=0)) / first.std(axis=0, ddof=1)


def halves(n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random halves of n scans."""
    rng = np.random.default_rng(0)
    for _ in range(N_SPLITS):
        order = rng.permutation(n)
        yield order[: n // 2], order[n // 2 :]


def null_of_halves(clean: pd.DataFrame) -> list[str]:
    """How far halves of the real cohort lie apart, beside what normal theory expects."""
    values = clean.to_numpy()
    d = np.array([differences(values[a], values[b]) for a, b in halves(len(values))])
    m = len(values) // 2
    expected = np.random.default_rng(1).standard_normal((20_000, 2, m))
    theory = (expected[:, 1].mean(axis=1) - expected[:, 0].mean(axis=1)) / expected[:, 0].std(axis=1, ddof=1)
    means = np.abs(d.mean(axis=0))
    return [
        "## Two halves of the same cohort",
        "",
        f"{N_SPLITS:,} random splits into {m} and {m} scans; differences in standard deviations of the first "
        "half. Were halves different by more than chance, or measures steered by a few scans, the first line "
        "would leave the second.",
        "",
        "| | median of absolute d | 95th percentile |",
        "|---|---|---|",
        f"| split-half reference, all measures | {np.median(np.abs(d)):.2f} | {np.quantile(np.abs(d), 0.95):.2f} |",
        f"| independent normal values, same n | {np.median(np.abs(theory)):.2f} | "
        f"{np.quantile(np.abs(theory), 0.95):.2f} |",
        "",
        f"The mean difference of a measure over splits is at most {means.max():.2f}. The largest of "
        f"{d.shape[1]} measures is {np.median(np.abs(d).max(axis=1)):.2f} in the median split: at this n a share "
        f"of {np.mean(np.abs(d) < MARGIN):.0%} lies within the margin of {MARGIN} by chance alone, which is why "
        "the headlines are judged against split-half reference.",
        "",
    ]


def injected_faults(scans: list[tuple[Volume, LabelMap]], columns: list[str]) -> list[str]:
    """Table of defects: how far a half with the fault lies from the other, and which measure says so."""
    values = _measured(scans, columns)
    chance = np.array([np.abs(differences(values[a], values[b])).max() for a, b in halves(len(values))])
    limit = np.quantile(chance, 0.95)
    lines = [
        "## Injected faults",
        "",
        "Each fault is injected in every scan at the smallest and at the largest severity of its ladder "
        f"(`generation/defects`), at {FAULT_MM:g} mm, with the labels of the clean scan. One half clean, the other half with the "
        f"fault: the share of splits in which the largest difference exceeds {limit:.1f}, which it does in 5 % of "
        "splits without a fault.",
        "",
        "| fault | severity | splits that see it | measure that moves most | its median d | declared by |",
        "|---|---|---|---|---|---|",
    ]
    for plugin in defects("image"):
        if 7 not in plugin.detects:
            continue
        for severity in (plugin.severities[0], plugin.severities[-1]):
            with_fault = [
                inject_in_image(plugin.name, image, labels, severity=severity, seed=row)
                for row, (image, labels) in enumerate(scans)
            ]
            spoilt = _measured(with_fault, columns)
            d = np.array([differences(values[a], spoilt[b]) for a, b in halves(len(values))])
            seen = float(np.mean(np.abs(d).max(axis=1) > limit))
            typical = np.median(d, axis=0)
            most = int(np.argmax(np.abs(typical)))
            declared = ", ".join(f"`{p.name}`" for p in all_measures() if plugin.name in p.detects)
            lines.append(
                f"| {plugin.label} | {severity:g} {plugin.unit} | {seen:.0%} | `{columns[most]}` | "
                f"{typical[most]:+.1f} | {declared} |"
            )
    return [
        *lines,
        "",
        "A hole in white matter is one fault in one place: it moves `dark_white_matter` in those scans in which "
        "the brain encloses it, and volumes (question 1) in all of them.",
    ]


def coarse_scans(cohort: Cohort, labels: tuple[Path | None, ...]) -> list[tuple[Volume, LabelMap]]:
    """Every scan with its labels at the resolution of the injected faults."""
    scans = []
    for image, label in zip(cohort.images or (), labels, strict=True):
        if image is None or label is None:
            raise SystemExit("every scan needs a label map; segment again")
        scan = condition(read_volume(image), read_label_map(label), voxel_mm=FAULT_MM)
        scans.append((scan.whole, scan.whole_labels))
    return scans


def _measured(scans: list[tuple[Volume, LabelMap]], columns: list[str]) -> np.ndarray:
    rows = []
    for image, labels in scans:
        found = {v.column: v.value for v in measure_scan(condition(image, labels, voxel_mm=FAULT_MM))}
        rows.append([found[name] for name in columns])
    return np.array(rows)


def _all_columns() -> set[str]:
    return {f"{p.name}_{part}" if part else p.name for p in all_measures() if p.judged for part in p.parts}


if __name__ == "__main__":
    main()
