"""A simulated cohort on disk: T1w images, exact label maps, true volumes and what was asked for."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cohorts.bids import image_path
from cohorts.cohort import Cohort, write_cohort
from cohorts.errors import DataError
from cohorts.volumes import read_label_map, write_label_map, write_volume
from generation.norms import VOLUME_NAMES
from generation.simulator.person import Grid, count_volumes, simulate_person

SEGMENTER = "truth"


def simulate_cohort(
    cohort: Cohort,
    folder: str | os.PathLike[str],
    *,
    seed: int,
    grid: Grid | None = None,
    skull_strip: bool = False,
    on_person: Callable[[int, int], None] | None = None,
) -> Cohort:
    """Draw every person of a table cohort and write the cohort as a BIDS folder.

    Parameters
    ----------
    cohort : Cohort
        With target volumes, for instance `generation.demo_cohorts.table_cohort`, planted defects included.
    folder : path-like
        Made when missing. Images that lie there are kept, so a killed run goes on where it stopped; give
        another cohort, seed or grid another folder.
    seed : int
        Person i depends on (seed, i) and the targets alone.
    grid : Grid, optional
        1 mm where nothing is said.
    skull_strip : bool
        Blank everything outside the brain and its CSF.
    on_person : callable, optional
        Called with the number of people done and of all, after each.

    Returns
    -------
    Cohort
        With the images, and the volumes counted on the exact labels (mm3).

    Raises
    ------
    DataError
        If the cohort has no volumes, or lacks one of those the simulator sets.
    """
    targets = required_volumes(cohort)
    grid = grid or Grid()
    rows = []
    names, ages = cohort.people["participant_id"].astype(str), cohort.people["age"].to_numpy(float)
    images = tuple(image_path(folder, name) for name in names)
    for i, image_file in enumerate(images):
        label_file = label_path(image_file)
        if not (image_file.exists() and label_file.exists()):
            drawn = simulate_person(
                i,
                targets.iloc[i],
                age=float(ages[i]),
                seed=seed,
                grid=grid,
                skull_strip=skull_strip,
            )
            image_file.parent.mkdir(parents=True, exist_ok=True)
            write_label_map(drawn.labels, label_file)
            write_volume(drawn.image, image_file)
        rows.append(count_volumes(read_label_map(label_file).data, grid.voxel_mm**3))
        if on_person is not None:
            on_person(i + 1, len(cohort))
    truth = replace(
        cohort, volumes=pd.DataFrame(rows), images=images, segmenter=SEGMENTER, source=Path(folder)
    )
    write_cohort(truth, folder, generated_by=[description(seed, grid, skull_strip=skull_strip)])
    return truth


def label_path(image: Path) -> Path:
    """Return where the exact labels of an image lie: ``…_dseg.nii.gz`` beside ``…_T1w.nii.gz``."""
    return image.with_name(image.name.replace("_T1w.", "_dseg."))


def description(seed: int, grid: Grid, *, skull_strip: bool) -> dict[str, object]:
    """Return the entry of ``GeneratedBy``: model and settings."""
    return {
        "Name": "plausibrain simulator",
        "Seed": seed,
        "VoxelSize_mm": grid.voxel_mm,
        "SkullStripped": skull_strip,
    }


def required_volumes(cohort: Cohort) -> pd.DataFrame:
    """Return the target volumes, mm3; `DataError` if one is missing."""
    if cohort.volumes is None:
        raise DataError(f"expected target volumes, cohort {cohort.name!r} has none; draw them first")
    missing = [name for name in VOLUME_NAMES if name not in cohort.volumes]
    if missing:
        raise DataError(f"expected all {len(VOLUME_NAMES)} volumes, {', '.join(missing)} missing; add them")
    return cohort.volumes[list(VOLUME_NAMES)]
