"""Simulated subjects beside real scans: a picture, and the spread of image quality. Prints docs/simulator_real.md.

    python -m benchmarks.simulator_real --scans DS002748 --store FOLDER > docs/simulator_real.md

Every simulated subject is a match: drawn with the age and the sex of a real one (OpenNeuro ds002748, CC0,
skull-stripped), at 1 mm, stripped too, and segmented and measured by the same programs. The picture goes to
``docs/simulator/real.png``. What is finished lies in the store; a killed run goes on.
"""

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.machine import stamp
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.volumes import read_label_map, read_volume, resample_to
from plausibrain.evaluation.alignment import common_grid, pose
from plausibrain.evaluation.image_job import Progress
from plausibrain.evaluation.measure_cohort import measure_cohort
from plausibrain.evaluation.measuring import all_measures, column_name
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.norms import draw_volumes
from plausibrain.generation.simulator.cohort import simulate_cohort
from plausibrain.generation.simulator.subject import Grid
from plausibrain.image_files import image_and_label_files
from plausibrain.imaging import segment

SEED, VOXEL_MM, SEGMENTER = 2027, 1.0, "synthseg_style"
SHOWN = ("sub-05", "sub-02")
WHITE_MATTER = (2, 41)
_EVEN = "tissue is painted evenly (no myelination, no vessels; the texture is 5 % of white matter)"
_GRAIN = "noise is white at the size of a voxel, that of a scan was filtered and resampled"
#: How the rendering differs in what a measure sees; said only of measures that fall outside the real range.
REASONS: dict[str, str] = {
    "cjv": f"spread of grey and white matter over their distance: {_EVEN}",
    "cnr_tissue": f"contrast over the spread of tissues: {_EVEN}",
    "snr": f"signal over the spread of a tissue: {_EVEN}",
    "contrast": "the contrast was set from a mixture of three Gaussians, which places cortex without labels",
    "dark_white_matter": "no lesions and no perivascular spaces are drawn",
    "edge_sharpness": f"the border is a linear ramp of one voxel, blurred by 0.42 mm; {_GRAIN}",
    "efc": f"evenness of the grey values in the brain: {_EVEN}",
    "fine_detail": _GRAIN,
    "fwhm": _GRAIN,
    "spectral_slope": _GRAIN,
    "inu": "a smooth gain of 6 % is drawn; that of a scan, corrected or not, has the shape of its coils",
    "regular_pattern": "nothing repeats in a simulated image; scans of slices leave lines in the spectrum",
    "wm2max": "no bright vessels, dura or fat lie in or at the brain",
}


def main() -> None:
    """Draw, segment, measure; write the picture and print the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument(
        "--matches", type=int, default=16, help="simulated subjects, matches of the first real ones"
    )
    parser.add_argument("--picture", type=Path, default=Path("docs/simulator/real.png"))
    given = parser.parse_args()
    scans = read_cohort(given.scans, name="real")
    cohorts = {"real": scans, "simulated": matched_subjects(scans, given.matches, given.store / "simulated")}
    files, tables = {}, {}
    for name, cohort in cohorts.items():
        folder = given.store / f"{name}-segmented"
        segmented = segment(
            replace(cohort, volumes=None, segmenter="unknown"), folder, segmenter=SEGMENTER, n_processes=1,
            progress=partial(say_step, name),
        )  # fmt: skip
        found = image_and_label_files(segmented, folder)
        if found is None:
            raise SystemExit(f"{name}: no images with label maps in {folder}")
        files[name] = dict(zip(segmented.subjects["participant_id"], zip(*found, strict=True), strict=True))
        result = measure_cohort(
            segmented, found[1], out=given.store / "measured", voxel_mm=VOXEL_MM,
            progress=partial(say_measured, name),
        )  # fmt: skip
        tables[name] = pd.DataFrame(result.cohort.measures).dropna(axis=1, how="all")
    picture(scans, files, given.picture)
    sys.stdout.write("\n".join(page(tables, cohorts, given.picture)) + "\n")


def say(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


def say_step(cohort: str, what: str, done: int, of: int) -> None:
    """Show how far a step on a cohort is."""
    say(f"{cohort}: {what} {done}/{of}")


def say_measured(cohort: str, progress: Progress) -> None:
    """Show how many images of a cohort are measured."""
    say(f"{cohort}: measured {progress.done}/{progress.total}")


def matched_subjects(scans: Cohort, n: int, folder: Path) -> Cohort:
    """Return simulated subjects with age, sex and name of the first n real ones."""
    real = scans.subjects.iloc[:n]
    drawn = table_cohort(len(real), seed=SEED, name="simulated")
    columns = {name: real[name].to_numpy() for name in ("participant_id", "age", "sex")}
    subjects = drawn.subjects.assign(**columns, subject=columns["participant_id"])
    matches = replace(drawn, subjects=subjects, volumes=draw_volumes(subjects, seed=SEED))
    return simulate_cohort(
        matches, folder, seed=SEED, grid=Grid(VOXEL_MM), skull_strip=True,
        on_subject=lambda done, of: say(f"simulated: drawn {done}/{of}"),
    )  # fmt: skip


def picture(scans: Cohort, files: dict[str, dict[str, tuple[Path, Path]]], path: Path) -> None:
    """Write three planes of real subjects and of their matches, in one position."""
    subjects = scans.subjects.set_index("participant_id")
    ages, sexes = subjects["age"].to_dict(), subjects["sex"].to_dict()
    columns = {
        f"{name}\n{ages[who]:.0f} {sexes[who]}": planes(*files[name][who])
        for who in SHOWN
        for name in ("real", "simulated")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(3, len(columns), figsize=(2.1 * len(columns), 7.2), squeeze=False)
    for column, (title, shown) in zip(axes.T, columns.items(), strict=True):
        for axis, plane in zip(column, shown, strict=True):
            axis.imshow(plane, cmap="gray", vmin=0, vmax=1.3, interpolation="nearest")
            axis.axis("off")
        column[0].set_title(title, fontsize=9)
    figure.subplots_adjust(0, 0, 1, 0.93, 0.02, 0.02)
    figure.savefig(path, dpi=70)
    plt.close(figure)


def planes(image_file: Path, label_file: Path) -> list[np.ndarray]:
    """Sagittal, coronal and axial plane in the common position, white matter at 1, top up."""
    image, labels = read_volume(image_file), read_label_map(label_file)
    level = float(np.median(image.data[np.isin(labels.data, WHITE_MATTER)]))
    shape, affine = common_grid(VOXEL_MM)
    moved = resample_to(image, shape, np.linalg.inv(pose(labels).matrix) @ affine).data / level
    middle = [n // 2 for n in shape]
    return [moved[middle[0] - 8].T[::-1], moved[:, middle[1]].T[::-1], moved[:, :, middle[2] + 8].T[::-1]]


def page(tables: dict[str, pd.DataFrame], cohorts: dict[str, Cohort], shown: Path) -> list[str]:
    """Return the lines of the page."""
    real, simulated = tables["real"], tables["simulated"]
    columns = [name for name in real.columns if name in simulated.columns]
    labels = {column_name(p.name, part): p for p in all_measures() for part in p.parts}
    outside = [name for name in columns if _is_outside(real[name], simulated[name])]
    lines = [
        "# Simulated subjects beside real scans",
        "",
        "Printed by `python -m benchmarks.simulator_real --scans DS002748 --store FOLDER "
        f"--matches {len(simulated)}` on {stamp()}.",
        "",
        f"![Two real scans, each beside a simulated subject of the same age and sex](simulator/{shown.name})",
        "",
        f"Real: {len(real)} scans of OpenNeuro ds002748 (CC0; {cohorts['real'].subjects['age'].min():.0f} to "
        f"{cohorts['real'].subjects['age'].max():.0f} years, skull-stripped, 0.87 x 0.87 x 1 mm). Simulated: "
        f"{len(simulated)} subjects with the ages and sexes of the first {len(simulated)}, drawn at 1 mm and "
        f"stripped. Both are segmented by `{SEGMENTER}` and measured at {VOXEL_MM:g} mm as `plausibrain run` "
        "does. A measure is *outside* where the simulated median lies beyond all real scans. Measures that need "
        "air are left out: stripped images have none.",
        "",
        f"**{len(columns) - len(outside)} of {len(columns)} numbers lie inside the range of the real scans.**",
        "",
        "| measure | real: lowest | median | highest | simulated: lowest | median | highest | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in columns:
        numbers = [
            f"{v:.3g}" for t in (real, simulated) for v in (t[name].min(), t[name].median(), t[name].max())
        ]
        lines.append(f"| `{name}` | {' | '.join(numbers)} | {'outside' if name in outside else ''} |")
    lines += ["", "## What falls outside, and why", ""]
    for name in outside:
        metric = labels[name].name
        lines.append(f"* `{name}`: {REASONS.get(name, REASONS.get(metric, 'no reason is known'))}")
    return lines


def _is_outside(real: pd.Series, simulated: pd.Series) -> bool:
    return not real.min() <= simulated.median() <= real.max()


if __name__ == "__main__":
    main()
