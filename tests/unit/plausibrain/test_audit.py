"""Trials of the audit: what is planned, and what is judged beside the scorecard."""

import pytest

from plausibrain.analysis.settings import Settings
from plausibrain.audit import COMPLEXITY, Trial, plan_trials, run_sections
from plausibrain.cohorts.errors import DataError

SETTINGS = Settings(n_resamples=100, n_splits=20)


@pytest.mark.parametrize("name", ["shrink", "folding_blur"])
def test_a_defect_that_no_table_can_carry_is_refused(name):
    with pytest.raises(DataError, match="expected a defect of level 'table'"):
        plan_trials(n=20, replicates=1, null_replicates=1, only=[name])


def test_errors_that_follow_folding_fail_the_section_and_no_defect_does_not():
    (loss,) = run_sections(Trial("complexity_dependent_loss", 0.2, 0, 200), SETTINGS)
    (none,) = run_sections(Trial("none", 0.0, 0, 200), SETTINGS)
    assert loss == {"question": 0, "headline": COMPLEXITY, "verdict": "fail"}
    assert none["verdict"] != "fail"
    assert run_sections(Trial("flat_ageing", 1.0, 0, 200), SETTINGS) == [], "it declares no section"
