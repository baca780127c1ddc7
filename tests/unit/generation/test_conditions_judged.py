"""What the analysis makes of cohorts that were drawn from tables of conditions."""

import numpy as np
import pandas as pd
import pytest

from plausibrain.analysis.conditions import requested_and_measured
from plausibrain.analysis.design import describe_design
from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.conditions import (
    BRAIN,
    VENTRICLE,
    Sweep,
    conditions_balanced,
    conditions_like,
    conditions_resampled,
    conditions_sweep,
    reference_conditions,
)
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.norms import draw_volumes
from tests.unit.analysis.factory import frame_of

SWEEPS = [Sweep("requested_age", 3), Sweep(VENTRICLE, 3), Sweep(BRAIN, 3)]


@pytest.fixture(scope="module")
def reference() -> Cohort:
    return table_cohort(160, seed=1, name="reference", age=(30.0, 80.0))


def drawn(table: pd.DataFrame) -> Cohort:
    """Return what a model that follows requests exactly makes of a table."""
    subjects = table.drop(columns="extrapolated").assign(status="ok", reason="")
    return Cohort("generated", subjects, volumes=draw_volumes(table, seed=9), segmenter="truth")


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("population", lambda r: conditions_like(r, n=90, seed=0)),
        ("population", lambda r: conditions_resampled(r, n=90, seed=0)),
        ("population", lambda r: conditions_balanced(r, n=90, seed=0)),
        ("one_factor", lambda r: conditions_sweep(r, SWEEPS, n=90, seed=0, sexes=("F",))),
        # Each sex has its own medians, so with both sexes more than one number differs from the commonest.
        ("crossed", lambda r: conditions_sweep(r, SWEEPS, n=180, seed=0)),
    ],
)
def test_a_cohort_is_recognised_as_what_its_table_asked_for(kind, make, reference):
    generated = drawn(make(reference_conditions(reference)))
    found = describe_design(frame_of(reference, generated))
    assert found.kind == kind
    assert ("joint" in found.violations) == (kind != "population")
    if kind == "population":
        assert found.violations == {}
    for column in (VENTRICLE, BRAIN):
        asked, measured, rows = requested_and_measured(
            column, frame_of(reference, generated).generated.sample
        )
        assert len(rows) == len(generated.subjects)
        np.testing.assert_allclose(measured, asked)
