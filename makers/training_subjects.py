"""Draw the subjects on whom the small latent diffusion was trained: a population, with more large ventricles.

    python -m makers.training_subjects --out COHORT [--processes 2]

A twentieth of the subjects have ventricles over 55 mL, far too few for a network to learn them from. So to
700 subjects of the population come the first 110 of another draw whose ventricles are that large.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.cohort import required_volumes, simulate_cohort
from plausibrain.generation.simulator.subject import Grid

N_SUBJECTS, SEED = 700, 4100
N_LARGE, SEED_LARGE, LARGE_MM3 = 110, 4200, 55_000.0
#: Subjects of the second draw; about one in nineteen is kept.
N_SEARCHED = 4000
VOXEL_MM = 2.0


def training_subjects() -> Cohort:
    """Return subjects and true volumes; each says in ``drawn_as`` whom it shows."""
    population = table_cohort(N_SUBJECTS, seed=SEED, name="training")
    others = table_cohort(N_SEARCHED, seed=SEED_LARGE, name="training")
    large = np.flatnonzero(others.subjects["requested_ventricle_mm3"] > LARGE_MM3)[:N_LARGE]
    subjects = others.subjects.iloc[large]
    names = [f"sub-{N_SUBJECTS + number:05d}" for number in range(len(subjects))]
    return replace(
        population,
        subjects=pd.concat(
            [population.subjects, subjects.assign(participant_id=names, subject=names)], ignore_index=True
        ),
        volumes=pd.concat(
            [required_volumes(population), required_volumes(others).iloc[large]], ignore_index=True
        ),
    )


def main() -> None:
    """Draw the images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder to write; a killed run goes on")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    cohort = training_subjects()
    simulate_cohort(
        cohort,
        given.out,
        seed=SEED,
        grid=Grid(voxel_mm=VOXEL_MM),
        skull_strip=True,
        n_processes=given.processes,
    )
    print(given.out)


if __name__ == "__main__":
    main()
