"""Simulate the subjects on whom the shipped models were trained, prepared as models see them, in parallel.

    python -m makers.training_images --out FOLDER [--subjects 2400] [--processes 16]

Half are a population of 18 to 90 years. The others have the same ages but ventricles of 4 to 175 mL and
brains of 0.8 to 1.65 L, spread evenly whatever the age, so that a request is a reason of its own and its
range ends far beyond the population's. Requests are obeyed to the voxel (counted on the labels), so they are
what a network is told. Files hold `CHUNK` subjects each and appear whole; a killed run goes on.
"""

import argparse
import os
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

CHUNK, SEED = 16, 4300
VENTRICLE_MM3, BRAIN_MM3 = (4_000.0, 175_000.0), (800_000.0, 1_650_000.0)
#: What ventricles and brain leave of a head is fluid around it; heads stay within what the simulator makes.
LARGEST_SUM_MM3 = 1_750_000.0
CONDITIONS = ("sex", "age", "requested_ventricle_mm3", "requested_brain_mm3")
POPULATION_SHARE = 0.5


def training_table(n: int) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return subjects and true volumes, mm3; row i is the same for every n."""
    from plausibrain.generation.demo_cohorts import asked_cohort
    from plausibrain.generation.norms import draw_subjects

    subjects = draw_subjects(n, seed=SEED)
    rng = np.random.default_rng(SEED)
    numbers = rng.random((n, 3))
    wide = numbers[:, 0] >= POPULATION_SHARE
    low, high = VENTRICLE_MM3
    # Half way between even and even on a logarithmic scale, so that small ventricles are not rare.
    level = numbers[:, 1]
    ventricle = 0.5 * (low + (high - low) * level) + 0.5 * low * (high / low) ** level
    low, high = BRAIN_MM3
    brain = low + (high - low) * numbers[:, 2]
    brain = np.minimum(brain, LARGEST_SUM_MM3 - ventricle)
    subjects["requested_ventricle_mm3"] = np.where(wide, ventricle, np.nan)
    subjects["requested_brain_mm3"] = np.where(wide, brain, np.nan)
    cohort = asked_cohort(subjects, seed=SEED, name="training")
    volumes = cohort.volumes
    if volumes is None:
        raise ValueError("the simulator's table has no volumes")
    return cohort.subjects, volumes


def chunk_file(folder: Path, number: int) -> Path:
    """Return the file of a chunk: images, (CHUNK, I, J, K), uint8 of 0 to 1."""
    return folder / f"images_{number:04d}.npy"


def simulate_chunk(job: "tuple[Path, int, pd.DataFrame, pd.DataFrame]") -> int:
    """Write the images of a chunk; return its number."""
    import torch

    from plausibrain.generation.preprocessing import prepare, preset_grid
    from plausibrain.generation.simulator.subject import Grid, simulate_subject

    torch.set_num_threads(1)
    folder, number, subjects, volumes = job
    grid = preset_grid("2mm")
    images = []
    for row in subjects.index:
        subject = simulate_subject(
            int(row), volumes.loc[row], age=float(subjects.loc[row, "age"]), seed=SEED, grid=Grid(2.0),
            skull_strip=True,
        )  # fmt: skip
        image = prepare(subject.image, subject.labels, grid).data
        images.append(np.round(255 * np.clip(image, 0, 1)).astype(np.uint8))
    target = chunk_file(folder, number)
    temporary = target.with_suffix(".part")
    with temporary.open("wb") as stream:
        np.save(stream, np.stack(images))
    temporary.replace(target)
    return number


def jobs(folder: Path, subjects: pd.DataFrame, volumes: pd.DataFrame) -> "Iterator[tuple]":
    """Yield what is missing."""
    for number, start in enumerate(range(0, len(subjects), CHUNK)):
        if not chunk_file(folder, number).exists():
            rows = subjects.index[start : start + CHUNK]
            yield folder, number, subjects.loc[rows], volumes.loc[rows]


def main() -> None:
    """Simulate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--subjects", type=int, default=2400)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    subjects, volumes = training_table(arguments.subjects)
    temporary = arguments.out / "subjects.part"
    subjects.to_csv(temporary, sep="\t", index=False)
    temporary.replace(arguments.out / "subjects.tsv")
    work = list(jobs(arguments.out, subjects, volumes))
    with get_context("spawn").Pool(arguments.processes) as pool:
        for number in pool.imap_unordered(simulate_chunk, work):
            print(f"chunk {number} of {len(subjects) // CHUNK}", flush=True)


if __name__ == "__main__":
    main()
