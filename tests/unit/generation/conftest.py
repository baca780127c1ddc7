"""One simulated subject on a coarse grid, drawn once."""

import pandas as pd
import pytest

from plausibrain.generation.norms import draw_subjects, draw_volumes
from plausibrain.generation.simulator.subject import Grid, SimulatedPerson, simulate_subject

SEED = 1


@pytest.fixture(scope="session")
def subjects() -> tuple[pd.DataFrame, pd.DataFrame]:
    subjects = draw_subjects(6, seed=SEED)
    return subjects, draw_volumes(subjects, seed=SEED)


@pytest.fixture(scope="session")
def subject(subjects) -> SimulatedPerson:
    table, volumes = subjects
    return simulate_subject(0, volumes.loc[0], age=table.loc[0, "age"], seed=SEED, grid=Grid(3.0))
