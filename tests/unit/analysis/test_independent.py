"""Accelerated ageing in an independent cohort: the years that were put in, by any honest training set."""

from dataclasses import replace

import numpy as np
import pytest

from plausibrain.analysis.analyse import analyse
from plausibrain.analysis.estimates.accelerated_ageing import accelerated_ageing
from plausibrain.analysis.evaluate import Pairs, evaluate_headline
from plausibrain.analysis.independent import gaps, groups_of, same_segmenter
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject
from tests.unit.analysis.factory import frame_of, pairs_of, patients_and_controls, with_subjects

SETTINGS = Settings(n_resamples=200, n_splits=20)
REFERENCE, GENERATED = table_cohort(200, seed=1, name="r"), table_cohort(200, seed=2, name="g")
INDEPENDENT = patients_and_controls(100, 30, years=6.0)
HEADLINE = next(plugin for plugin in all_headlines() if plugin.name == "accelerated_ageing")


def with_independent(generated: Cohort, independent: Cohort = INDEPENDENT) -> Pairs:
    frame = frame_of(REFERENCE, generated, SETTINGS)
    return Pairs.of(replace(frame, independent=groups_of(independent, frame)))


CLEAN = with_independent(GENERATED)


@pytest.mark.parametrize("trained_on", ["reference", "generated", "both"])
def test_the_years_that_were_put_in_are_found_by_every_training_set(trained_on):
    years, _ = gaps(CLEAN.full, trained_on)[0]
    error = gaps(CLEAN.halves, trained_on)[:, 0].std()  # of models, too, which a bootstrap holds fixed
    assert years == pytest.approx(6.0, abs=3 * error)
    assert error < 2.0


def test_no_gap_where_there_is_none():
    pairs = with_independent(GENERATED, patients_and_controls(100, 40, years=0.0))
    low, high = np.quantile(gaps(pairs.bootstrap, "reference")[:, 0], [0.025, 0.975])
    assert low <= 0.0 <= high


def test_verdict_is_no_fail_for_a_perfect_generator_and_no_pass_where_age_is_lost():
    """A model that learnt nothing finds a random gap; its halves scatter so much that this is no *fail*."""
    assert evaluate_headline(HEADLINE, CLEAN).verdict(0.05, 40) != "fail"
    lost = with_independent(inject("shuffled_conditions", GENERATED, severity=1.0, seed=1))
    h = evaluate_headline(HEADLINE, lost)
    assert h.verdict(0.05, 40) != "pass"
    assert h.estimate < -0.2
    assert abs(gaps(lost.full, "generated")[0, 0]) < 2.0


def test_trained_on_equally_many():
    """Four times as many generated subjects must not be an advantage: the models see as many of either."""
    frame = frame_of(table_cohort(60, seed=1, name="r"), table_cohort(240, seed=2, name="g"), SETTINGS)
    pairs = Pairs.of(replace(frame, independent=groups_of(INDEPENDENT, frame)))
    keys_before = len(frame.cache)
    gaps(pairs.full, "generated")
    (key,) = [k for k in pairs.full.frame.cache if k[0] == "independent"]
    assert len(np.frombuffer(key[3])) == 60
    assert keys_before == 0


def test_rows_of_the_table_and_of_a_whole_analysis():
    table = accelerated_ageing(CLEAN).query("quantity == 'accelerated_ageing_years'")
    assert table["stratum"].tolist() == ["all", "all", "trained on both"]
    result = analyse(REFERENCE, GENERATED, SETTINGS, independent=INDEPENDENT)
    entries = {h["name"]: h for q in result.scorecard["questions"] for h in q["headlines"]}
    assert entries["accelerated_ageing"]["status"] == "ok"
    assert (result.tables["results"]["analysis"] == "accelerated_ageing").sum() == 6


def test_structures_that_only_one_has_are_left_out():
    fewer = replace(INDEPENDENT, volumes=INDEPENDENT.volumes.drop(columns=["TIV", "Brain-Stem"]))
    groups = groups_of(fewer, CLEAN.full.frame)
    assert len(groups.columns) == len(CLEAN.full.frame.outcome_names) - 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: replace(c, subjects=c.subjects.drop(columns="diagnosis")), "no column diagnosis"),
        (lambda c: with_subjects(c, diagnosis="AD"), "call the controls 'control'"),
        (lambda c: replace(c, volumes=None), "no volumes"),
        (lambda c: replace(c, volumes=c.volumes[["TIV"]]), "at least 3 structures"),
    ],
)
def test_cohorts_that_cannot_be_used_are_refused_with_the_remedy(change, words):
    with pytest.raises(DataError, match=words):
        groups_of(change(INDEPENDENT), CLEAN.full.frame)


def test_another_segmenter_is_refused():
    with pytest.raises(DataError, match="segmented by freesurfer"):
        same_segmenter(replace(INDEPENDENT, segmenter="freesurfer"), REFERENCE)


def test_too_small_groups_are_a_reason():
    few = INDEPENDENT.select(np.r_[0:100, 100:105])
    h = evaluate_headline(HEADLINE, with_independent(GENERATED, few))
    assert h.status == "not_applicable"
    assert "5 patients and 100 controls" in h.reason
    h = evaluate_headline(HEADLINE, pairs_of(REFERENCE, GENERATED, SETTINGS))
    assert "--independent" in h.reason
