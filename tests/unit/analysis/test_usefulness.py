"""What generated subjects are worth: real information helps, copies and noise do not, nothing leaks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge

from plausibrain.analysis import usefulness
from plausibrain.analysis.estimates.utility import utility
from plausibrain.analysis.evaluate import Pairs, evaluate_headline
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.usefulness import ARMS, BLOCK, errors_of, ratio, ridge_predictions
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject
from tests.unit.analysis.factory import normal_cohort, pairs_of

SETTINGS = Settings(n_resamples=200, n_splits=40)
N = 240
REFERENCE, FRESH = table_cohort(N, seed=1, name="r"), table_cohort(N, seed=2, name="g")
COPIES = inject("copied_reference", FRESH, severity=1.0, seed=3, training=REFERENCE)
HEADLINES = {plugin.name: plugin for plugin in all_headlines()}


def errors(pairs: Pairs, size: int = BLOCK) -> dict[str, float]:
    frame = pairs.full.frame
    rows = [np.arange(len(p.sample)) for p in (frame.reference, frame.generated)]
    found = errors_of(frame, rows[0], frame.generated, rows[1], size)
    return {arm: float(values.mean()) for arm, values in found.by_arm.items()}


CASES = {
    "fresh": pairs_of(REFERENCE, FRESH, SETTINGS),
    "copies": pairs_of(REFERENCE, COPIES, SETTINGS),
    "age ignored": pairs_of(REFERENCE, inject("flat_ageing", FRESH, severity=1.0, seed=1), SETTINGS),
}


def test_fresh_subjects_add_what_real_ones_add():
    mean = errors(CASES["fresh"])
    assert mean["with_generated"] < 0.95 * mean["repeated"]
    assert mean["with_generated"] == pytest.approx(mean["with_real"], rel=0.1)


def test_copies_add_nothing_although_the_training_set_grows():
    mean = errors(CASES["copies"])
    assert mean["with_generated"] == pytest.approx(mean["repeated"], rel=0.05)
    assert mean["with_real"] < 0.95 * mean["repeated"]


def test_subjects_who_ignore_age_do_harm():
    mean = errors(CASES["age ignored"])
    assert mean["with_generated"] > 1.2 * mean["repeated"]
    assert mean["generated_only"] > 2 * mean["real_only"]


@pytest.mark.parametrize(("case", "added"), [("fresh", "pass"), ("copies", "fail"), ("age ignored", "fail")])
def test_verdicts_tell_information_from_size(case, added):
    assert evaluate_headline(HEADLINES["utility_added"], CASES[case]).verdict(0.05, 40) == added


def test_copies_of_tested_subjects_are_not_trained_on():
    """Exact copies of everybody: an arm that saw its test subjects would predict them almost perfectly."""
    same = replace(REFERENCE, name="g")
    mean = errors(pairs_of(REFERENCE, same, SETTINGS))
    assert mean["with_generated"] == pytest.approx(mean["repeated"], rel=0.02)


def test_copies_are_assigned_to_the_subject_they_copy():
    frame = CASES["copies"].full.frame
    nearest = cdist(frame.generated.outcomes, frame.reference.outcomes)
    close, second = np.sort(nearest, axis=1)[:, :2].T
    assert np.mean(close < 0.5 * second) > 0.95


def test_split_half_reference_is_worth_itself():
    for arms in (("generated_only", "real_only"), ("with_generated", "with_real")):
        null = ratio(CASES["fresh"].null, *arms)
        assert np.median(null) == pytest.approx(1.0, abs=0.05)


def test_repeating_rows_is_the_lighter_penalty():
    rng = np.random.default_rng(0)
    x, y, new = rng.standard_normal((20, 6)), rng.standard_normal(20), rng.standard_normal((5, 6))
    twice = Ridge(alpha=3.0).fit(np.vstack([x, x]), np.r_[y, y]).predict(new)
    np.testing.assert_allclose(ridge_predictions(x, y, 3.0 / 2, new), twice)


@pytest.mark.parametrize("shape", [(30, 5), (10, 40)])
@pytest.mark.parametrize("penalty", [1.0, 100.0])
def test_ridge_is_that_of_scikit_learn(shape, penalty):
    rng = np.random.default_rng(1)
    x, y, new = (
        rng.standard_normal(shape) + 3,
        50 + rng.standard_normal(shape[0]),
        rng.standard_normal((7, shape[1])),
    )
    np.testing.assert_allclose(
        ridge_predictions(x, y, penalty, new), Ridge(alpha=penalty).fit(x, y).predict(new), rtol=1e-9
    )


def test_blocks_cover_everybody_and_keep_subjects_together():
    rank = np.repeat(np.random.default_rng(0).permutation(60), 2)
    blocks = list(usefulness._blocks_of(rank, 20))
    assert np.sum(blocks, axis=0).tolist() == [usefulness.N_PARTITIONS] * 120
    assert all((block[::2] == block[1::2]).all() for block in blocks)


def test_large_cohorts_are_cut_to_the_most_subjects():
    frame = pairs_of(normal_cohort(560, 1), normal_cohort(60, 2), SETTINGS).full.frame
    found = errors_of(frame, np.arange(560), frame.generated, np.arange(60), 100)
    assert len(found.rows) <= usefulness.MOST_SUBJECTS
    assert set(found.by_arm) == set(ARMS)


def test_learning_curves_fall_and_show_the_gain():
    table = utility(CASES["fresh"]).set_index(["stratum", "quantity"])["estimate"]
    alone = [table[f"{n} subjects", "utility_alone"] for n in (25, 50, 100)]
    assert alone == sorted(alone, reverse=True)
    assert table["25 subjects", "utility_gain_real"] > 0.05
    small, large = (table[f"{n} subjects", "utility_gain_generated"] for n in (25, 100))
    assert small > large
    copied = utility(CASES["copies"]).set_index(["stratum", "quantity"])["estimate"]
    assert abs(copied["25 subjects", "utility_gain_generated"]) < 0.05


def test_too_few_subjects_give_a_reason_not_a_number():
    for n, m, words in ((99, 60, "100 reference subjects"), (120, 49, "50 generated subjects")):
        h = evaluate_headline(HEADLINES["utility_added"], pairs_of(normal_cohort(n, 1), normal_cohort(m, 2)))
        assert h.status == "not_applicable"
        assert words in h.reason
