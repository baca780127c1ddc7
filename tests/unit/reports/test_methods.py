"""The methods text claims what happened, and nothing else."""

import dataclasses
import re

import pytest

from plausibrain.reports.methods import methods
from plausibrain.reports.run_folder import Run


def text_of(run: Run) -> str:
    return " ".join(paragraph.text for paragraph in methods(run))


def changed(run: Run, **tables: object) -> Run:
    copy = dataclasses.replace(run, _tables=dict(run._tables))
    copy._tables.update(tables)
    return copy


def test_cohorts_are_counted_as_analysed(run: Run) -> None:
    subjects = run.table("subjects")
    kept = subjects[(subjects.cohort == "reference") & (subjects.status == "ok")]
    text = text_of(run)
    assert f"has {len(kept)} rows in the analysis" in text
    assert re.search(r"3 rows were excluded: 3 for “missing age”", text)


def test_repeated_subjects_are_stated(run: Run) -> None:
    subjects = run.table("subjects").assign(subject="same")
    assert "rows of 1 subjects in the analysis" in text_of(changed(run, subjects=subjects))


@pytest.mark.parametrize(
    ("quantity", "claim"),
    [("hedges_g", "Hedges’ g"), ("sd_ratio", "logarithmic scale"), ("age_deming_slope", "Deming slope")],
)
def test_an_estimate_is_claimed_only_when_it_was_made(run: Run, quantity: str, claim: str) -> None:
    results = run.table("results")
    assert claim in text_of(run)
    assert claim not in text_of(changed(run, results=results[results.quantity != quantity]))
    failed = results.assign(status=results.status.where(results.quantity != quantity, "failed"))
    assert claim not in text_of(changed(run, results=failed))


def test_a_headline_is_claimed_only_when_it_was_measured(run: Run) -> None:
    assert "energy distance [@Szekely2013]" in text_of(run)
    assert "classifier two-sample test" not in text_of(run)


def test_settings_that_are_not_stated_are_not_claimed(run: Run) -> None:
    text = text_of(dataclasses.replace(run, scorecard={**run.scorecard, "settings": {}}))
    for claim in ("bootstrap", "one-sided", "margin for standardised"):
        assert claim in text_of(run)
        assert claim not in text


def test_groups_are_claimed_only_of_large_cohorts(run: Run) -> None:
    claim = "random groups of equally many subjects"
    rules = {**run.scorecard, "settings": {**run.settings, "rules": {"max_units": 5000}}}
    small = dataclasses.replace(run, scorecard=rules)
    assert claim not in text_of(small)
    record = {**run.record, "generated": {"n_subjects": 100_000}}
    assert claim in text_of(dataclasses.replace(small, record=record))


def test_false_discovery_is_claimed_only_with_q_values(run: Run) -> None:
    results = run.table("results")
    assert "false discovery rate" in text_of(run)
    assert "false discovery rate" not in text_of(changed(run, results=results.assign(q=float("nan"))))


def test_excess_over_the_null_is_claimed_only_where_it_decides(run: Run) -> None:
    questions = [question | {"headlines": []} for question in run.questions if question["number"] != 2]
    other = [question for question in run.questions if question["number"] == 2]
    without = dataclasses.replace(run, scorecard={**run.scorecard, "questions": [*questions, *other]})
    assert "excess over split-half reference" in text_of(run)
    assert "excess over split-half reference" not in text_of(without)


def test_segmenter_is_named_only_when_both_cohorts_share_it(run: Run) -> None:
    other = {**run.scorecard, "generated": {"name": "x", "segmenter": "freesurfer"}}
    assert "SynthSeg [@Billot2023]" in text_of(run)
    assert "Billot2023" not in text_of(dataclasses.replace(run, scorecard=other))


def test_noise_in_the_margin_is_stated(run: Run) -> None:
    settings = {**run.settings, "noise": {"TIV": 0.1, "Left-Amygdala": 0.3}}
    text = text_of(dataclasses.replace(run, scorecard={**run.scorecard, "settings": settings}))
    assert "measurement noise of the structure where that is larger (1 of 2 structures" in text


def test_what_was_not_measured_is_said(run: Run) -> None:
    text = text_of(run)
    assert "“Memorisation and diversity” was not measured: needs images of training subjects." in text
    assert "1 estimate could not be made" in text
