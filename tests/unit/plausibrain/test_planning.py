"""Planning by simulation: the shares that a stand-in for the report gives decide the number."""

import pytest

from plausibrain import planning
from plausibrain.cohorts.errors import DataError


def stand_in(threshold):
    """A report that sees every defect from some number of subjects on, and half of them below."""

    def run(trial, settings):
        seen = trial.n >= threshold or trial.replicate % 2
        return [{"question": 4, "headline": "", "verdict": "fail" if seen else "pass"},
                {"question": 2, "headline": "", "verdict": "fail"}]  # fmt: skip

    return run


def test_climbs_until_the_power_is_clearly_reached(monkeypatch):
    monkeypatch.setattr(planning, "run_trial", stand_in(200))
    plan = planning.plan_defect("flat_ageing", 0.5, power=0.8, trials=20)
    assert plan["powers"] == {50: 0.5, 100: 0.5, 200: 1.0}, "question 2 is not declared by this defect"
    assert 100 < plan["n_generated"] < 200
    assert "50 % at 100, 100 % at 200" in plan["sentence"]


def test_a_power_that_is_never_reached(monkeypatch):
    monkeypatch.setattr(planning, "run_trial", stand_in(10_000))
    plan = planning.plan_defect("flat_ageing", 0.5, power=0.8, trials=20)
    assert plan["n_generated"] is None
    assert "more than 800 per cohort" in plan["sentence"]


def test_an_unknown_defect_is_named():
    with pytest.raises(DataError, match="no defect of tables is called 'baldness'"):
        planning.plan_defect("baldness", 0.5, power=0.8)


def test_a_strong_defect_is_seen_in_whole_reports():
    plan = planning.plan_defect("flat_ageing", 1.0, power=0.8, trials=4, ladder=(60,))
    assert plan["n_generated"] == 60
    assert "at most 60 subjects per cohort" in plan["sentence"]
