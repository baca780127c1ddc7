"""Age and sex predicted by models of the reference: known truth, honest folds, and what destroys them."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score

from plausibrain.analysis.brain_age import (
    age_scores,
    balanced_accuracy,
    corrected_brain_age,
    relative_error,
    relative_trend,
    standardised_gap,
)
from plausibrain.analysis.estimates.brain_age import brain_age as brain_age_rows
from plausibrain.analysis.estimates.conditioning import dose_table
from plausibrain.analysis.evaluate import Pairs, evaluate_headline
from plausibrain.analysis.prediction import (
    MOST_TRAINING,
    blocks,
    chosen_models,
    folds_of,
    predictions,
    trained,
)
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.settings import Settings
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject
from tests.unit.analysis.factory import frame_of, normal_cohort, pairs_of, with_subjects

SETTINGS = Settings(n_resamples=200, n_splits=20)
N = 220
REFERENCE, GENERATED = table_cohort(N, seed=1, name="r"), table_cohort(N, seed=2, name="g")
HEADLINES = {plugin.name: plugin for plugin in all_headlines()}
JUDGED = ("brain_age", "brain_age_error", "conditioning_age", "sex_accuracy")


def injected(name: str, severity: float) -> Pairs:
    return pairs_of(REFERENCE, inject(name, GENERATED, severity=severity, seed=1), SETTINGS)


CLEAN = pairs_of(REFERENCE, GENERATED, SETTINGS)


@pytest.mark.parametrize("obeyed", [1.0, 0.5, 0.0])
def test_share_of_age_that_is_obeyed_is_measured_within_its_interval(obeyed):
    pairs = CLEAN if obeyed == 1.0 else injected("flat_ageing", 1 - obeyed)
    h = evaluate_headline(HEADLINES["conditioning_age"], pairs)
    low, high = h.interval(0.95)
    assert low <= obeyed <= high
    assert high - low < 0.25
    assert h.verdict(0.05, 40) == ("fail" if obeyed < 1 else "pass")


def test_flat_ageing_leaves_the_mean_brain_age_alone():
    """Everybody has the brain of the mean age: neither older nor younger, but the error multiplies."""
    pairs = injected("flat_ageing", 1.0)
    assert evaluate_headline(HEADLINES["brain_age"], pairs).verdict(0.05, 40) != "fail"
    assert evaluate_headline(HEADLINES["brain_age_error"], pairs).verdict(0.05, 40) == "fail"


def test_shuffled_conditions_destroy_age_and_sex():
    pairs = injected("shuffled_conditions", 1.0)
    assert abs(relative_trend(pairs.full)[0]) < 0.25
    assert relative_error(pairs.full)[0] > 2
    assert abs(balanced_accuracy(pairs.full)["generated"][0] - 0.5) < 0.12
    assert evaluate_headline(HEADLINES["sex_accuracy"], pairs).verdict(0.05, 40) == "fail"


def test_missing_sex_effect_is_seen_by_the_classifier_of_sex_alone():
    reference, generated = table_cohort(320, seed=1, name="r"), table_cohort(320, seed=2, name="g")
    pairs = pairs_of(reference, inject("missing_sex_effect", generated, severity=1.0, seed=1), SETTINGS)
    verdicts = {name: evaluate_headline(HEADLINES[name], pairs).verdict(0.05, 40) for name in JUDGED}
    assert verdicts.pop("sex_accuracy") == "fail"
    assert "fail" not in verdicts.values()


def test_older_brains_are_older_by_the_years_that_were_added():
    """Brains of subjects 5 years older than the table says: the gap is 5 years over the spread."""
    older = with_subjects(GENERATED, age=GENERATED.subjects["age"] - 5.0)
    before, after = CLEAN.full, pairs_of(REFERENCE, older, SETTINGS).full
    sd = {}
    for block in blocks(before, "age"):
        age = REFERENCE.subjects["age"].to_numpy(dtype=float)
        sd = np.std(block.reference[0] - np.polyval(np.polyfit(age, block.reference[0], 1), age), ddof=2)
    moved = standardised_gap(after)[0] - standardised_gap(before)[0]
    slope = np.polyfit(age, next(blocks(before, "age")).reference[0], 1)[0]
    assert moved == pytest.approx(5 * slope / sd, rel=0.15)


def test_error_on_unseen_subjects_is_near_the_best_possible():
    """The best linear predictor, learnt from 4,000 subjects, is a bound that 400 come within 15 % of."""
    many, few, new = (table_cohort(n, seed=s, name="c") for n, s in ((4000, 7), (400, 8), (400, 9)))
    frame = frame_of(few, new, SETTINGS)
    held_out = predictions(frame, "age", np.ones(400, dtype=bool)).held_out
    ours = np.abs(held_out - few.subjects["age"]).mean()
    columns = list(few.volumes)
    scale = many.volumes[columns].std()
    best = Ridge(alpha=1.0).fit(many.volumes[columns] / scale, many.subjects["age"])
    bound = np.abs(best.predict(few.volumes[columns] / scale) - few.subjects["age"]).mean()
    assert bound <= ours <= 1.15 * bound


def test_no_subject_is_predicted_by_a_model_that_has_seen_it():
    """Ages that are noise cannot be predicted; a leak would show as a correlation."""
    reference = normal_cohort(120, 3, rows_per_subject=3)
    subjects = reference.subjects["subject"].unique()
    noise = dict(zip(subjects, np.random.default_rng(0).uniform(20, 80, len(subjects)), strict=True))
    shuffled = with_subjects(reference, age=reference.subjects["subject"].map(noise))
    frame = frame_of(shuffled, normal_cohort(60, 4), SETTINGS)
    held_out = predictions(frame, "age", np.ones(len(frame.reference.sample), dtype=bool)).held_out
    # 120 subjects: r beyond 0.3 comes by chance once in 1,000.
    assert np.corrcoef(held_out, frame.reference.sample.age)[0, 1] < 0.3


def test_folds_keep_subjects_and_are_alike_in_age():
    frame = frame_of(normal_cohort(100, 5, rows_per_subject=2), normal_cohort(60, 6), SETTINGS)
    fold, sample = folds_of(frame, np.ones(200, dtype=bool)), frame.reference.sample
    subject = sample.subjects["subject"].to_numpy()
    assert all(len(set(fold[subject == s])) == 1 for s in set(subject))
    assert np.bincount(fold).tolist() == [40] * 5
    for old in (70.0, 40.0):
        assert np.ptp(np.bincount(fold[sample.age > old], minlength=5)) <= 2  # two rows a subject


def test_held_out_slopes_are_not_smaller_than_those_of_new_subjects():
    """Few old subjects carry the slope; folds that differ in them would flatter every generator."""
    reference = normal_cohort(200, 7)
    age = reference.subjects["age"].to_numpy(dtype=float)
    few = reference.select(np.flatnonzero((age < 40) | (np.arange(200) % 6 == 0)))
    null = relative_trend(pairs_of(few, normal_cohort(80, 8), Settings(n_resamples=100, n_splits=60)).null)
    assert np.median(null) == pytest.approx(1.0, abs=0.08)


def test_models_of_halves_know_only_their_half():
    frame = CLEAN.full.frame
    members = np.arange(N) % 2 == 0
    found = predictions(frame, "age", members)
    assert np.isfinite(found.held_out).tolist() == members.tolist()
    fold, x = folds_of(frame, members), frame.reference.outcomes
    rows = frame.reference.sample.order
    rows = rows[(members & (fold != 0))[rows]]
    by_hand = trained("age", chosen_models(frame, "age")[0], x[rows], frame.reference.sample.age[rows])
    np.testing.assert_allclose(found.generated[0], by_hand(frame.generated.outcomes))


def test_large_references_are_trained_on_a_sample():
    frame = frame_of(normal_cohort(MOST_TRAINING * 2, 1), normal_cohort(60, 2), SETTINGS)
    held_out = predictions(frame, "age", np.ones(MOST_TRAINING * 2, dtype=bool)).held_out
    assert np.isfinite(held_out).all()


def test_balanced_accuracy_is_that_of_scikit_learn():
    block = next(blocks(CLEAN.full, "sex"))
    male = CLEAN.full.reference.arrays.sample.male
    expected = balanced_accuracy_score(male == 1, block.reference[0] > 0)
    assert balanced_accuracy(CLEAN.full)["reference"][0] == pytest.approx(expected)


def test_scores_are_those_of_numpy_and_correction_makes_the_slope_one():
    block = next(blocks(CLEAN.full, "age"))
    age = CLEAN.full.reference.arrays.sample.age
    r, slope, error, corrected = age_scores("reference", CLEAN.full)[0]
    assert r == pytest.approx(np.corrcoef(age, block.reference[0])[0, 1])
    assert slope == pytest.approx(np.polyfit(age, block.reference[0], 1)[0])
    assert error == pytest.approx(np.abs(block.reference[0] - age).mean())
    line = np.polyfit(age, block.reference[0], 1)
    after = (block.reference[0] - line[1]) / line[0]
    assert np.polyfit(age, after, 1) == pytest.approx([1.0, 0.0], abs=1e-9)
    assert corrected == pytest.approx(np.abs(after - age).mean())


def test_rows_and_doses_of_a_run():
    table = brain_age_rows(CLEAN)
    assert set(table["quantity"]) == {
        "brain_age_r", "brain_age_slope", "brain_age_error", "brain_age_error_corrected", "sex_accuracy"
    }  # fmt: skip
    assert set(table["cohort"]) == {"reference", "generated", "difference"}
    assert table["estimate"].between(table["ci_low"], table["ci_high"]).all()
    dose = dose_table(CLEAN).query("condition == 'age'")
    np.testing.assert_allclose(dose["measured"], corrected_brain_age(CLEAN.full))
    assert np.corrcoef(dose["requested"], dose["measured"])[0, 1] > 0.9


@pytest.mark.parametrize("name", JUDGED)
def test_cohorts_without_what_a_model_needs_get_a_reason(name):
    pairs = pairs_of(normal_cohort(15, 1), normal_cohort(40, 2), SETTINGS)
    h = evaluate_headline(HEADLINES[name], pairs)
    assert h.status == "not_applicable"
    assert "20 reference subjects" in h.reason
