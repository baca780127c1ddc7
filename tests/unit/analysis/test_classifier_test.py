"""The classifier two-sample test: its AUC and its folds against scikit-learn, and no leak between folds."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import roc_auc_score

from plausibrain.analysis.classifier_test import PENALTY, cross_validated_scores, held_out_auc, weighted_auc
from tests.unit.analysis.factory import normal_cohort, pairs_of, with_volume


@pytest.mark.parametrize("decimals", [1, 8])  # with and without ties
def test_weighted_auc_is_scikit_learns(decimals):
    rng = np.random.default_rng(1)
    scores = np.round(rng.normal(size=80), decimals), np.round(rng.normal(0.4, 1, size=50), decimals)
    weights = rng.integers(0, 4, size=(6, 80)), rng.integers(0, 4, size=(6, 50))
    ours = weighted_auc(*scores, *weights)
    label = np.r_[np.zeros(80), np.ones(50)]
    for b in range(6):
        w = np.r_[weights[0][b], weights[1][b]]
        expected = roc_auc_score(label, np.concatenate(scores), sample_weight=w)
        assert ours[b] == pytest.approx(expected, abs=1e-12)


def test_folds_are_ridge_classifiers_that_have_not_seen_what_they_score():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(90, 6)) * np.arange(1, 7)
    label = np.where(rng.random(90) < 0.3, 1.0, -1.0)
    x[label > 0, 0] += 1.0
    fold = rng.integers(0, 5, 90)
    ours = cross_validated_scores(x, label, fold)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    balance = np.where(label > 0, 0.5 / (label > 0).mean(), 0.5 / (label < 0).mean())
    for k in range(5):
        seen = fold != k
        model = RidgeClassifier(alpha=PENALTY).fit(z[seen], label[seen], sample_weight=balance[seen])
        np.testing.assert_allclose(ours[~seen], model.decision_function(z[~seen]), rtol=1e-8, atol=1e-10)


def test_noise_is_not_told_apart_and_a_difference_is():
    reference = normal_cohort(150, 1, name="r")
    same, other = normal_cohort(150, 2, name="g"), normal_cohort(150, 3, name="h")
    # Standard error of an AUC of 150 against 150 scores: 0.033.
    assert held_out_auc(pairs_of(reference, same).full)[0] == pytest.approx(0.5, abs=0.12)
    larger = with_volume(other, "Left-Thalamus", other.volumes["Left-Thalamus"] * 1.15)
    assert held_out_auc(pairs_of(reference, larger).full)[0] > 0.85


def test_rows_of_one_subject_are_never_in_two_folds():
    # Ten nearly equal rows per subject: with a leak, noise features would be recognised and AUC would rise.
    reference = normal_cohort(40, 1, name="r", rows_per_subject=10)
    generated = normal_cohort(40, 2, name="g", rows_per_subject=10)
    # Standard error with 40 subjects a side: 0.065.
    assert held_out_auc(pairs_of(reference, generated).full)[0] < 0.5 + 3 * 0.065
