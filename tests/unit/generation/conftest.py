"""One simulated person on a coarse grid, drawn once."""

import pandas as pd
import pytest

from plausibrain.generation.norms import draw_people, draw_volumes
from plausibrain.generation.simulator.person import Grid, SimulatedPerson, simulate_person

SEED = 1


@pytest.fixture(scope="session")
def people() -> tuple[pd.DataFrame, pd.DataFrame]:
    people = draw_people(6, seed=SEED)
    return people, draw_volumes(people, seed=SEED)


@pytest.fixture(scope="session")
def person(people) -> SimulatedPerson:
    table, volumes = people
    return simulate_person(0, volumes.loc[0], age=table.loc[0, "age"], seed=SEED, grid=Grid(3.0))
