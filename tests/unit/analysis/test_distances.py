"""Energy against a slow loop, nearest neighbours against brute force, clusters left out of their own way."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from plausibrain.analysis.distances import distance_matrix, mean_distance, nearest_distance_medians
from plausibrain.analysis.headlines.energy import energy
from plausibrain.analysis.pair import Pair, Weighted
from tests.unit.analysis.factory import frame_of, normal_cohort, pairs_of

REFERENCE, GENERATED = normal_cohort(30, 1, name="r"), normal_cohort(25, 2, name="g", scale=1.05)
PAIRS = pairs_of(REFERENCE, GENERATED)
FLOAT32 = 1e-4  # distances are kept in single precision, from squares of differences of large sums


def slow_mean(points, weights, other=None, other_weights=None, subject=None):
    """Weighted mean distance, pair by pair; within one cohort without pairs of one subject."""
    total = count = 0.0
    for i in range(len(points)):
        for j in range(len(points if other is None else other)):
            if other is None:
                if subject[i] == subject[j]:
                    continue
                w, distance = weights[i] * weights[j], np.linalg.norm(points[i] - points[j])
            else:
                w, distance = weights[i] * other_weights[j], np.linalg.norm(points[i] - other[j])
            total, count = total + w * distance, count + w
    return total / count


def slow_energy(pair, b):
    """Over the rows of ages that both cohorts cover."""
    sides = pair.reference, pair.generated
    rows = [side.arrays.pairwise_rows for side in sides]
    r, g = (side.arrays.features[mine] for side, mine in zip(sides, rows, strict=True))
    wr, wg = (side.weights[b].astype(float)[mine] for side, mine in zip(sides, rows, strict=True))
    subjects = [side.arrays.clusters.row_of[mine] for side, mine in zip(sides, rows, strict=True)]
    within = slow_mean(r, wr, subject=subjects[0]) + slow_mean(g, wg, subject=subjects[1])
    return 1 - within / (2 * slow_mean(r, wr, g, wg))


@pytest.mark.parametrize("kind", ["full", "bootstrap", "null", "matched"])
def test_energy_is_the_slow_loop(kind):
    pair = getattr(PAIRS, kind)
    assert energy(pair)[0] == pytest.approx(slow_energy(pair, 0), abs=FLOAT32)


def test_several_rows_of_one_subject_are_not_close_pairs():
    generated = normal_cohort(12, 3, name="g", rows_per_subject=3)
    pair = pairs_of(REFERENCE, generated)
    for weighted in (pair.full, pair.bootstrap):
        assert energy(weighted)[0] == pytest.approx(slow_energy(weighted, 0), abs=FLOAT32)


def test_clusters_do_not_move_the_distance_of_one_population():
    # Averages over draws: 25 subjects once, or the same 25 subjects four times with small changes.
    once = [
        energy(pairs_of(normal_cohort(60, k, name="r"), normal_cohort(25, 90 + k, name="g")).full)[0]
        for k in range(15)
    ]
    often = [
        energy(
            pairs_of(
                normal_cohort(60, k, name="r"), normal_cohort(25, 90 + k, name="g", rows_per_subject=4)
            ).full
        )[0]
        for k in range(15)
    ]
    # Within-subject pairs at distance near zero would add about 1 / 25 * 1 / 2 = 0.02.
    assert np.mean(often) == pytest.approx(np.mean(once), abs=0.01)


def test_distances_are_scipys():
    frame = PAIRS.full.frame
    expected = cdist(frame.reference.features, frame.generated.features)
    np.testing.assert_allclose(distance_matrix(frame, frame.reference, frame.generated), expected, atol=1e-3)


def test_nearest_neighbours_by_brute_force():
    pair = pairs_of(REFERENCE, normal_cohort(30, 2, name="g")).full
    for median, side in zip(nearest_distance_medians(pair), (pair.reference, pair.generated), strict=True):
        mine = side.arrays.pairwise_rows
        d = cdist(side.arrays.features[mine], side.arrays.features[mine])
        np.fill_diagonal(d, np.inf)
        assert median[0] == pytest.approx(np.median(d.min(axis=1)), abs=1e-3)


def test_the_nearest_neighbour_is_another_subject():
    clustered = normal_cohort(15, 2, name="g", rows_per_subject=2)
    pair = pairs_of(normal_cohort(60, 1, name="r"), clustered).full  # no fewer rows than the other cohort
    generated = pair.generated.arrays
    mine = generated.pairwise_rows
    d = cdist(generated.features[mine], generated.features[mine])
    subject = generated.clusters.row_of[mine]
    d[subject[:, None] == subject[None]] = np.inf
    assert nearest_distance_medians(pair)[1][0] == pytest.approx(np.median(d.min(axis=1)), abs=1e-3)


def test_splits_compare_equal_numbers():
    pair = pairs_of(normal_cohort(60, 1, name="r"), normal_cohort(200, 2, name="g")).null
    first, second = nearest_distance_medians(pair)
    # The same population at the same n: ratio one, with a spread of 5 % from splits of 30.
    assert np.median(second / first) == pytest.approx(1.0, abs=0.05)


def test_cache_is_not_fooled_by_a_reused_address():
    frame = frame_of(REFERENCE, GENERATED)
    for amount in (0.5, 1.0, 1.5, 2.0, 2.5):
        # Each shifted copy dies at the end of the turn, so its address is free for the next one.
        shifted = frame.reference.shifted(amount)
        expected = cdist(frame.reference.features, shifted.features)
        np.testing.assert_allclose(distance_matrix(frame, frame.reference, shifted), expected, atol=1e-3)
        del shifted


def test_bootstrap_of_neighbours_needs_the_estimate():
    lost = replace(PAIRS.bootstrap, full=None)
    with pytest.raises(ValueError, match="needs the pair of the estimate"):
        nearest_distance_medians(lost)


def test_weights_of_zero_leave_subjects_out():
    pair = PAIRS.full
    half = np.zeros((1, 30), dtype=np.uint8)
    half[0, :15] = 1
    some = Pair(pair.frame, Weighted(pair.reference.arrays, half), pair.generated, "matched")
    expected = slow_mean(pair.reference.arrays.features[:15], np.ones(15), subject=np.arange(15))
    assert mean_distance(some, "reference", "reference")[0] == pytest.approx(expected, abs=1e-3)
