import numpy as np
import pytest

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.diversity.sampling import ring_pairs


def names(n: int) -> np.ndarray:
    return np.array([f"p{k}" for k in range(n)])


def test_every_image_is_in_equally_many_pairs_and_no_pair_comes_twice():
    pairs = ring_pairs(names(30), 90, np.random.default_rng(1))
    assert len(pairs) == 90
    assert len({frozenset(pair) for pair in pairs}) == 90
    assert set(np.bincount(np.ravel(pairs))) == {6}


def test_few_images_give_at_most_all_their_pairs():
    pairs = ring_pairs(names(9), 1000, np.random.default_rng(1))
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) == 9 * 8 / 2
    assert ring_pairs(names(2), 1000, np.random.default_rng(1)) in ([(0, 1)], [(1, 0)])


def test_more_images_than_pairs():
    pairs = ring_pairs(names(500), 40, np.random.default_rng(2))
    assert len(pairs) == 40
    assert set(np.bincount(np.ravel(pairs))) <= {0, 2}


@pytest.mark.parametrize("n_pairs", [1, 2, 3, 7])
def test_at_least_as_many_pairs_as_asked_for(n_pairs):
    assert len(ring_pairs(names(8), n_pairs, np.random.default_rng(0))) >= n_pairs


def test_two_images_of_one_subject_are_no_pair():
    subjects = np.repeat(names(8), 2)
    assert all(subjects[i] != subjects[j] for i, j in ring_pairs(subjects, 60, np.random.default_rng(3)))


def test_the_seed_decides():
    first, again, other = (ring_pairs(names(20), 20, np.random.default_rng(s)) for s in (4, 4, 5))
    assert first == again != other


def test_pairs_are_drawn_evenly():
    """Over many rings every pair is as likely as any other: 2 k / (n - 1) of 15 pairs of 6 images, k = 1."""
    counts = np.zeros((6, 6))
    for seed in range(600):
        for i, j in ring_pairs(names(6), 6, np.random.default_rng(seed)):
            counts[min(i, j), max(i, j)] += 1
    shares = counts[np.triu_indices(6, 1)] / 600
    # binomial: mean 0.4, standard error 0.02; the largest of 15 stays within 4 of them
    assert np.abs(shares - 0.4).max() < 0.08


def test_one_subject_has_no_pairs():
    with pytest.raises(MeasurementError, match="at least two subjects"):
        ring_pairs(np.array(["a", "a"]), 5, np.random.default_rng(0))
