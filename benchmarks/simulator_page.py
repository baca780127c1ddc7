"""The page ``docs/simulator.md``: its tables and its pictures."""

import os
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")
from matplotlib import pyplot as plt

from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject
from plausibrain.generation.norm_tables import expected_volume, norm_tables
from plausibrain.generation.norms import (
    LATERAL_VENTRICLES,
    PAIRED_TISSUE,
    PAIRED_VENTRICLES,
    draw_subjects,
    draw_volumes,
)
from plausibrain.generation.simulator.subject import Grid, simulate_subject
from plausibrain.generation.volume_columns import volumes_of

DECADES = ((20, 30, 25.0), (40, 50, 45.0), (50, 60, 55.0), (60, 70, 65.0), (70, 80, 75.0))
SLOPE_COLUMNS = {
    20: "slope_20_30",
    40: "slope_40_50",
    50: "slope_50_60",
    60: "slope_60_70",
    70: "slope_70_80",
}
N_NORM = 4_000
MOSAIC_AGES = (20, 42, 64, 85)

INTRODUCTION = """# The simulator

`plausibrain.generation.simulator` draws subjects whose anatomy is known to the voxel: a label map with FreeSurfer ids, the
volume of every structure, and a T1w image rendered from it. Subject *i* depends on (seed, *i*) and the
volumes asked for, and on nothing else. Printed by `python -m benchmarks.simulator --store FOLDER`.

```
plausibrain generate --out COHORT --n 100 --voxel 2 --skull-strip --seed 0
```

`--youngest` and `--oldest` choose the ages; `--conditions TABLE` draws the subjects of a table, with their age, sex and
requested volumes; `--defect regional_atrophy --severity 0.1` injects a defect; `--processes 2` uses two cores.

**How.** `plausibrain.generation.norms` draws age, sex and the volumes of 32 structures and head size from published
norms. A random head is an affine map, a smooth deformation (15 modes of shape and noise, integrated as a
stationary velocity, so it cannot fold) and small divergence-controlled steps that bring structures near
their volumes. Every boundary is a level of a signed distance; moving the levels makes the volumes exact up
to whole voxels. Folding of cortex and cerebellar white matter is a patchwork of ten patterns, other patches
on either side in every subject. The image has tissue contrast that falls with age, partial volume from the
distances, texture, a bias field, Rician noise, and a scanner per site.

**What ships.** `generation/data/anatomy.npz` ({size:.1f} MB), estimated by `makers.anatomy.estimation`
from the 20 label maps of SynthSeg (Apache-2.0, credited in NOTICE): shares of coarse classes at 4 mm, mean
shapes, modes of shape and the folding patterns. A pattern follows another of the 40 registered hemispheres
at every place of about 3 cm, so no subject's folding is in it as a whole; pieces of about 3 cm are near to a
subject's, moved and smoothed.

"""

NORMS = """## Norms, measured on exact labels

{men} men and {women} women aged 18 to 90, labels at 2 mm. Each volume is divided by its norm for the
subject's age and sex; mean and spread of the ratios are compared with the published ones. Standard errors: of
a mean CV / sqrt(n) ({se_ventricles:.0f} % for ventricles), of d about {se_d:.2f}. *Slope error*: the largest
difference of a decade's slope from the published one: the slope of {n_norm:,} subjects drawn at either end of the decade, plus
what labels add to the targets of the subjects above.
"""

QUALITY = """
## Image quality beside real scans

Three simulated subjects and the 19 OASIS scans of `validation_segmentation.md`, skull-stripped, measured with exact and with manual
labels.
"""

LIMITS = """## Where it falls short

* Age, sex and size act through volumes alone. Shape beyond that (gyrification, sulcal depth by region, shape
  of the skull) does not change with age or sex; cortical thinning is the same everywhere.
* Volumes of the 68 cortical parcels are not modelled, and labels have no parcels.
* Grey values are more even than in real scans, within cortex above all (no myelination, no vessels).
* Cerebellar folia are waves around the middle of the cerebellum, more regular than real ones.
* Deep structures are mean shapes, deformed: fine individual detail (hippocampal digitations) is missing.
* Left-right correlations of small structures are set above the measured ones (.64 to .80 for amygdala,
  accumbens and pallidum in FCON1000, which hold the error of the segmentation too).
* At 2 mm a boundary moves by whole voxels of 8 mm3, so a structure of 300 mm3 can be off by a tenth.
* The shipped model was estimated step by step while `makers.anatomy.estimation` was written; given the
  same registration the module moves a label map as the steps did (all but a few voxels). The module has not
  yet run from label maps to model in one go, and will give a model that differs in detail:
  `python -m makers.anatomy.estimation LABELMAPS --out anatomy.npz` (`--heads` and `--steps` for less).
"""


def page(
    subjects: pd.DataFrame,
    targets: pd.DataFrame,
    measured: pd.DataFrame,
    *,
    speed: dict[float, tuple[float, float]],
    quality: pd.DataFrame,
    size_mb: float,
) -> str:
    """Return the page as Markdown."""
    n = subjects["sex"].value_counts()
    error = measured[targets.columns] / targets - 1.0
    distinct = len(measured[targets.columns].drop_duplicates())
    lines = [
        INTRODUCTION.format(size=size_mb),
        "![Four subjects from 20 to 85](simulator/ages.png)\n",
        "![Pairs that differ in one factor](simulator/pairs.png)\n",
        NORMS.format(
            men=n["M"],
            women=n["F"],
            n_norm=N_NORM,
            se_d=np.sqrt(1 / n["M"] + 1 / n["F"]),
            se_ventricles=48 / np.sqrt(n.min()),
        ),
        markdown(norm_table(subjects, measured)),
        "\n## From target to label\n\nRelative error of the volume on the labels, per cent, all subjects.\n",
        markdown(error_table(error)),
        "\n## Soundness\n",
        f"* Folds: the smallest Jacobian determinant of all subjects is {measured['jacobian_min'].min():.3f}; "
        f"{int((measured['jacobian_min'] <= 0).sum())} of {len(measured)} subjects have a fold.",
        f"* Every subject distinct: {distinct} different rows of volumes among {len(measured)}.",
        *[
            f"* Speed at {voxel:g} mm: {wall:.1f} s ({cpu:.1f} processor seconds) a subject, image included."
            for voxel, (wall, cpu) in speed.items()
        ],
        f"* The machine has {os.cpu_count()} cores and a load of {os.getloadavg()[0]:.1f} while this is printed.",
        QUALITY,
        markdown(quality.round(3)),
        "",
        LIMITS,
    ]
    return "\n".join(lines)


def family_volume(volumes: pd.DataFrame, family: str) -> pd.Series:
    """Total of a family of the norms, both sides, mm3."""
    if family == "Ventricles":
        names = [*LATERAL_VENTRICLES, "3rd-Ventricle", "4th-Ventricle"]
    else:
        columns = map(str, volumes.columns)
        names = [name for name in columns if name.removeprefix("Left-").removeprefix("Right-") == family]
    return volumes[names].sum(axis=1)


def norm_table(subjects: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Mean, spread, sex difference, slopes and symmetry of every family beside the norm."""
    rows = {}
    male = (subjects["sex"] == "M").to_numpy()
    for family in norm_tables().families.index:
        ratio = (
            family_volume(measured, family) / expected_volume(family, subjects["age"], subjects["sex"])
        ).to_numpy()
        at_sixty = [float(expected_volume(family, [60.0], [sex])[0]) for sex in "MF"]
        men, women = ratio[male] * at_sixty[0], ratio[~male] * at_sixty[1]
        pooled = np.sqrt((men.var(ddof=1) + women.var(ddof=1)) / 2)
        norm_d = (at_sixty[0] - at_sixty[1]) / (
            norm_tables().number(family, "cv_percent") / 100 * np.mean(at_sixty)
        )
        rows[family] = {
            "mean, men (%)": 100 * (ratio[male].mean() - 1),
            "mean, women (%)": 100 * (ratio[~male].mean() - 1),
            "CV (%)": 100 * np.sqrt((ratio[male].std() ** 2 + ratio[~male].std() ** 2) / 2),
            "norm CV": norm_tables().number(family, "cv_percent"),
            "sex d": (men.mean() - women.mean()) / pooled,
            "norm d": norm_d,
            "slope error (%/year)": slope_error(family, subjects, measured),
            "left-right r": side_correlation(family, measured),
        }
    return pd.DataFrame(rows).T.round(2)


def slope_error(family: str, subjects: pd.DataFrame, measured: pd.DataFrame) -> float:
    """Largest error of a decade's slope: what drawing adds, plus what the norms' draws miss."""
    errors = []
    for young, old, _ in DECADES:
        ends = [mean_at(family, age) for age in (young, old)]
        drawn = 100 * np.log(ends[1] / ends[0]) / (old - young)
        inside = subjects["age"].between(young, old).to_numpy()
        targets = draw_volumes(subjects[inside], seed=int(subjects["seed"].iloc[0]))
        log_error = np.log(family_volume(measured[inside], family) / family_volume(targets, family))
        added = 100 * np.polyfit(subjects.loc[inside, "age"], log_error, 1)[0]
        errors.append(drawn + added - norm_tables().number(family, SLOPE_COLUMNS[young]))
    return float(max(errors, key=abs))


def mean_at(family: str, age: float) -> float:
    """Mean volume of a family over many subjects of one age, the same subjects at every age."""
    subjects = draw_subjects(N_NORM, seed=77, age=(age, age))
    return float(family_volume(draw_volumes(subjects, seed=77), family).mean())


def side_correlation(family: str, measured: pd.DataFrame) -> float:
    """Correlation of left and right; the smallest of its parts for the ventricles."""
    names = tuple(PAIRED_VENTRICLES) if family == "Ventricles" else (family,)
    pairs = [
        (f"Left-{name}", f"Right-{name}") for name in names if name in (*PAIRED_TISSUE, *PAIRED_VENTRICLES)
    ]
    return min((float(measured[left].corr(measured[right])) for left, right in pairs), default=float("nan"))


def error_table(error: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread of the relative error of each structure, per cent."""
    percent = 100 * error
    columns = {"mean": percent.mean(), "SD": percent.std(), "largest": percent.abs().max()}
    return pd.DataFrame(columns).round(2)


def markdown(table: pd.DataFrame) -> str:
    """Return a Markdown table with the index as its first column."""
    header = ["", *map(str, table.columns)]
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for name, row in table.iterrows():
        cells = ["" if pd.isna(value) else f"{value:g}" for value in row]
        lines.append("| " + " | ".join([str(name), *cells]) + " |")
    return "\n".join(lines)


def pictures(folder: Path, seed: int) -> None:
    """Write the mosaics."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = {}
    for i, age in enumerate(MOSAIC_AGES):
        subjects = draw_subjects(i + 1, seed=seed + 1, age=(age, age)).tail(1)
        columns[f"{age} years, {subjects['sex'].iloc[0]}"] = slices(
            subjects, draw_volumes(subjects, seed=seed + 1), seed + 1
        )
    mosaic(columns, folder / "ages.png")
    mosaic(one_factor(seed + 2), folder / "pairs.png")


def one_factor(seed: int) -> dict[str, list[np.ndarray]]:
    """Return slices of one subject: younger, older, with wide ventricles, with an injected defect."""
    subjects = draw_subjects(1, seed=seed, age=(30.0, 30.0))
    old = subjects.assign(age=80.0)
    wide = subjects.assign(requested_ventricle_mm3=60_000.0)
    cohort = table_cohort(1, seed=seed, name="one", age=(30.0, 30.0))
    shrunk = volumes_of(inject("regional_atrophy", cohort, severity=0.5, seed=0))
    return {
        "30 years": slices(subjects, draw_volumes(subjects, seed=seed), seed),
        "the same at 80": slices(old, draw_volumes(old, seed=seed), seed),
        "ventricles 60 mL": slices(wide, draw_volumes(wide, seed=seed), seed),
        "hippocampus -50 %": slices(subjects, shrunk, seed),
    }


def slices(subjects: pd.DataFrame, volumes: pd.DataFrame, seed: int) -> list[np.ndarray]:
    """Three slices of the image and one of the labels, top up."""
    i = subjects.index[0]
    drawn = simulate_subject(
        i, volumes.iloc[0], age=float(subjects["age"].iloc[0]), seed=seed, grid=Grid(1.0)
    )
    image, labels = drawn.image.data, drawn.labels.data
    middle = np.argwhere((labels > 0) & (labels < 100) & (labels != 24)).mean(axis=0).astype(int)
    planes = [
        image[middle[0] - 8],
        image[:, middle[1] - 8],
        image[:, :, middle[2] + 6],
        labels[:, middle[1] - 8],
    ]
    return [plane.T[::-1] for plane in planes]


def mosaic(columns: dict[str, list[np.ndarray]], path: Path) -> None:
    """Write a picture with one column a subject."""
    colours = np.random.default_rng(0).random((600, 3)) * 0.7 + 0.2
    colours[0] = 0
    figure, axes = plt.subplots(4, len(columns), figsize=(2.2 * len(columns), 8.6), squeeze=False)
    for column, (title, planes) in zip(axes.T, columns.items(), strict=True):
        for axis, plane in zip(column, planes, strict=True):
            is_labels = plane.dtype.kind == "i"
            axis.imshow(
                colours[plane] if is_labels else plane, cmap="gray", vmin=0, vmax=130, interpolation="nearest"
            )
            axis.axis("off")
        column[0].set_title(title, fontsize=9)
    figure.subplots_adjust(0, 0, 1, 0.96, 0.02, 0.02)
    figure.savefig(path, dpi=70)
    plt.close(figure)
