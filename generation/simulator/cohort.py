"""A simulated cohort on disk: T1w images, exact label maps, true volumes and what was asked for."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch

from plausibrain.cohorts.bids import image_path, label_path
from plausibrain.cohorts.cohort import Cohort, write_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.processes import spread
from plausibrain.cohorts.volumes import read_label_map, write_label_map, write_volume
from plausibrain.generation.norms import VOLUME_NAMES
from plausibrain.generation.simulator.subject import Grid, count_volumes, simulate_subject
from plausibrain.generation.volume_columns import DRAWN_AS

SEGMENTER = "truth"
CLAIM = ".simulator.json"


def simulate_cohort(
    cohort: Cohort,
    folder: str | os.PathLike[str],
    *,
    seed: int,
    grid: Grid | None = None,
    skull_strip: bool = False,
    n_processes: int = 1,
    on_subject: Callable[[int, int], None] | None = None,
) -> Cohort:
    """Draw every subject of a table cohort and write the cohort as a BIDS folder.

    Parameters
    ----------
    cohort : Cohort
        With target volumes, for instance `plausibrain.generation.demo_cohorts.table_cohort`, injected defects
        included.
    folder : path-like
        Made when missing. Images that lie there are kept, so a killed run goes on where it stopped; give
        another cohort, seed or grid another folder.
    seed : int
        Row i depends on (seed, i) and its targets alone; a row whose ``drawn_as`` names another seed and
        subject, as in a cohort with copied or repeated subjects, shows that subject.
    grid : Grid, optional
        1 mm where nothing is said.
    skull_strip : bool
        Blank everything outside the brain and its CSF.
    n_processes : int
        Processes; each gets its share of the cores.
    on_subject : callable, optional
        Called with the number of subjects done and of all, after each.

    Returns
    -------
    Cohort
        With the images, and the volumes counted on the exact labels (mm3).

    Raises
    ------
    DataError
        If the cohort has no volumes, or lacks one of those the simulator sets, or if the folder
        holds another simulated cohort.
    """
    targets = required_volumes(cohort)
    grid = grid or Grid()
    settings = description(seed, grid, skull_strip=skull_strip)
    claim_folder(Path(folder), cohort, targets, settings)
    images = tuple(image_path(folder, str(name)) for name in cohort.subjects["participant_id"])
    origins, ages = subjects_shown(cohort, seed), cohort.subjects["age"].to_numpy(float)
    n_threads = max(1, (os.cpu_count() or 1) // n_processes) if n_processes > 1 else 0
    jobs = [
        PersonJob(i, *origins[i], targets.iloc[i], float(ages[i]), grid, skull_strip, images[i], n_threads)
        for i in range(len(cohort))
    ]
    rows: dict[int, pd.Series] = {}
    for job, volumes in spread(simulate_files, jobs, n_processes):
        rows[job.row] = volumes
        if on_subject is not None:
            on_subject(len(rows), len(cohort))
    counts = pd.DataFrame([rows[i] for i in range(len(cohort))])
    truth = replace(cohort, volumes=counts, images=images, segmenter=SEGMENTER, source=Path(folder))
    write_cohort(truth, folder, generated_by=[settings])
    return truth


@dataclass(frozen=True)
class PersonJob:
    """What a process needs to draw one subject: the row, who it shows, and where the files go."""

    row: int
    number: int
    seed: int
    targets: pd.Series
    age: float
    grid: Grid
    skull_strip: bool
    image_file: Path
    n_threads: int = 0


def simulate_files(job: PersonJob) -> pd.Series:
    """Return the volumes counted on a subject's label map, drawn now unless both files are there."""
    label_file = label_path(job.image_file)
    if not (job.image_file.exists() and label_file.exists()):
        if job.n_threads:
            torch.set_num_threads(job.n_threads)
        subject = simulate_subject(
            job.number,
            job.targets,
            age=job.age,
            seed=job.seed,
            grid=job.grid,
            skull_strip=job.skull_strip,
        )
        job.image_file.parent.mkdir(parents=True, exist_ok=True)
        write_label_map(subject.labels, label_file)
        write_volume(subject.image, job.image_file)
    return count_volumes(read_label_map(label_file).data, job.grid.voxel_mm**3)


def claim_folder(folder: Path, cohort: Cohort, targets: pd.DataFrame, settings: dict[str, object]) -> None:
    """Note in the folder what is drawn into it; `DataError` if something else is."""
    subjects = pd.util.hash_pandas_object(
        cohort.subjects[["participant_id", "age"]].join(targets), index=False
    )
    digest = hashlib.sha256(subjects.to_numpy().tobytes()).hexdigest()
    claim = json.dumps({**settings, "Shown": subjects_shown(cohort, 0), "Targets": digest}, sort_keys=True)
    note = folder / CLAIM
    if note.exists() and note.read_text(encoding="utf-8") != claim:
        raise DataError(
            f"{folder} holds another simulated cohort (subjects, seed, grid or settings differ); "
            "choose an empty folder, or delete this one"
        )
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(claim, encoding="utf-8")


def subjects_shown(cohort: Cohort, seed: int) -> list[tuple[int, int]]:
    """Return number and seed of the subject each row shows: those of ``drawn_as``, else row and seed."""
    if DRAWN_AS not in cohort.subjects:
        return [(row, seed) for row in range(len(cohort))]
    pairs = [str(text).partition(":") for text in cohort.subjects[DRAWN_AS]]
    return [(int(number), int(own_seed)) for own_seed, _, number in pairs]


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
    absent = [name for name in VOLUME_NAMES if name not in cohort.volumes]
    if absent:
        raise DataError(f"expected all {len(VOLUME_NAMES)} volumes, {', '.join(absent)} missing; add them")
    return cohort.volumes[list(VOLUME_NAMES)]
