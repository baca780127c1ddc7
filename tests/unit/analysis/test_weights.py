"""Subjects are drawn, not rows; the same subjects are drawn alike in whatever order they stand."""

import numpy as np
import pytest

from plausibrain.analysis.weights import (
    Clusters,
    bootstrap_weights,
    ones,
    split_weights,
    subjects_rng,
    subset_weights,
)

PERSONS = np.array(["a", "b", "a", "c", "d", "e", "c", "f", "a", "g"])


def draw(subjects, seed=0, n=50):
    clusters = Clusters.of(subjects)
    return bootstrap_weights(clusters, n, subjects_rng(clusters.ids, seed, "test"))


def test_rows_of_one_subject_move_together():
    weights = draw(PERSONS)
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert np.array_equal(weights[:, 0], weights[:, 8])
    assert np.array_equal(weights[:, 3], weights[:, 6])


def test_as_many_subjects_as_there_are_are_drawn():
    clusters = Clusters.of(PERSONS)
    weights = draw(PERSONS)
    first_row = [int(np.flatnonzero(clusters.row_of == k)[0]) for k in range(len(clusters))]
    assert (weights[:, first_row].sum(axis=1) == len(clusters)).all()


def test_counts_are_binomial():
    clusters = Clusters.of(np.arange(50).astype(str))
    weights = bootstrap_weights(clusters, 4000, np.random.default_rng(0)).astype(float)
    # Mean 1 and variance 1 - 1/k; the standard error of a variance of 200,000 counts is below 0.005.
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.02)


def test_row_order_does_not_matter():
    order = np.random.default_rng(3).permutation(len(PERSONS))
    assert np.array_equal(draw(PERSONS)[:, order], draw(PERSONS[order]))


def test_same_subjects_are_drawn_alike_and_others_are_not():
    twice = np.array(["a", "b", "c", "d", "e", "f", "g"])  # the same set, other rows
    one, other = draw(PERSONS), draw(twice)
    assert np.array_equal(one[:, 0], other[:, 0])
    assert not np.array_equal(draw(np.char.add(twice, "x")), other)


@pytest.mark.parametrize("change", [{"seed": 1}, {"purpose": "other"}])
def test_seed_and_purpose_change_the_draw(change):
    asked = {"seed": 0, "purpose": "test"} | change
    assert subjects_rng(PERSONS, 0, "test").random() != subjects_rng(PERSONS, **asked).random()


def test_halves_are_disjoint_and_of_the_size_asked():
    clusters = Clusters.of(PERSONS)
    first, second = split_weights(clusters, 3, 40, np.random.default_rng(0))
    assert not (first & second).any()
    for half in (first, second):
        subjects = [len(set(PERSONS[row > 0])) for row in half]
        assert set(subjects) == {3}
        assert np.array_equal(half[:, 0], half[:, 8])
    assert len({row.tobytes() for row in first}) > 20


def test_subsets_are_of_the_size_asked():
    clusters = Clusters.of(PERSONS)
    members = subset_weights(clusters, 4, 30, np.random.default_rng(0))
    assert {len(set(PERSONS[row > 0])) for row in members} == {4}


def test_every_subject_is_as_likely_in_either_half():
    clusters = Clusters.of(np.arange(10).astype(str))
    first, _ = split_weights(clusters, 5, 4000, np.random.default_rng(0))
    # Standard error of a share of one half: 0.008.
    assert np.abs(first.mean(axis=0) - 0.5).max() < 0.04


def test_weights_of_the_estimate():
    assert ones(4).tolist() == [[1, 1, 1, 1]]
