"""Draw the people on whom the small latent diffusion was trained: a population, and more of its large ventricles.

    python -m benchmarks.training_people --out COHORT [--processes 2]

A twentieth of the people have ventricles over 55 mL, far too few for a network to learn them from. So to 700
people of the population come the first 110 of another draw whose ventricles are that large.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.cohort import required_volumes, simulate_cohort
from plausibrain.generation.simulator.person import Grid

N_PEOPLE, SEED = 700, 4100
N_LARGE, SEED_LARGE, LARGE_MM3 = 110, 4200, 55_000.0
#: People of the second draw; about one in nineteen is kept.
N_SEARCHED = 4000
VOXEL_MM = 2.0


def training_people() -> Cohort:
    """Return people and true volumes; each says in ``drawn_as`` whom it shows."""
    population = table_cohort(N_PEOPLE, seed=SEED, name="training")
    others = table_cohort(N_SEARCHED, seed=SEED_LARGE, name="training")
    large = np.flatnonzero(others.people["requested_ventricle_mm3"] > LARGE_MM3)[:N_LARGE]
    people = others.people.iloc[large]
    names = [f"sub-{N_PEOPLE + number:05d}" for number in range(len(people))]
    return replace(
        population,
        people=pd.concat(
            [population.people, people.assign(participant_id=names, person=names)], ignore_index=True
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
    cohort = training_people()
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
