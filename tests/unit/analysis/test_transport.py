"""Exact transport against POT, its linearised bootstrap, and members drawn fairly."""

import numpy as np
import ot
import pytest
from scipy.spatial.distance import cdist

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair, Weighted
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.transport import assignment_cost, equal_members, transport_distance
from tests.unit.analysis.factory import frame_of, normal_cohort, pairs_of


@pytest.mark.parametrize(("n", "dimensions"), [(5, 1), (40, 3), (120, 17)])
def test_assignment_is_optimal_transport(n, dimensions):
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(n, dimensions)), rng.normal(0.3, 1.2, size=(n, dimensions))
    assert assignment_cost(a, b) == pytest.approx(ot.emd2([], [], cdist(a, b, "sqeuclidean")), rel=1e-9)


def test_one_dimension_by_hand():
    # Sorted against sorted: (1 + 9 + 4) / 3.
    assert assignment_cost(np.array([[2.0], [0.0], [1.0]]), np.array([[1.0], [5.0], [3.0]])) == pytest.approx(
        ((0 - 1) ** 2 + (1 - 3) ** 2 + (2 - 5) ** 2) / 3
    )


def test_estimate_is_the_assignment_and_weights_of_one_return_it():
    pairs = pairs_of(normal_cohort(60, 1, name="r"), normal_cohort(60, 2, name="g"))
    points = pairs.full.reference.arrays.regions, pairs.full.generated.arrays.regions
    estimate = transport_distance(pairs.full)[0]
    assert estimate == pytest.approx(assignment_cost(*points), rel=1e-9)
    unit = Pair(pairs.full.frame, pairs.full.reference, pairs.full.generated, "bootstrap", pairs.full)
    assert transport_distance(unit)[0] == pytest.approx(estimate, rel=1e-9)


def test_linearised_bootstrap_has_the_spread_of_new_samples():
    # Two populations apart, where the limit is normal: the standard error must be that of fresh draws.
    def value(seed):
        generated = normal_cohort(80, 5000 + seed, name="g", scale=1.15)
        return transport_distance(pairs_of(normal_cohort(80, seed, name="r"), generated).full)[0]

    fresh = np.std([value(seed) for seed in range(60)])
    pairs = [
        pairs_of(normal_cohort(80, 900 + k, name="r"), normal_cohort(80, 950 + k, name="g", scale=1.15))
        for k in range(8)
    ]
    resampled = np.mean([transport_distance(p.bootstrap).std() for p in pairs])
    # 60 draws: relative standard error of a standard deviation 9 %. Resampled keeps the reference's own scale
    # fixed, which moves in fresh draws.
    assert resampled == pytest.approx(fresh, rel=0.35)


def test_members_are_equal_in_number_and_drawn_from_everybody():
    settings = Settings(n_resamples=100, n_splits=60)
    frame = frame_of(
        normal_cohort(60, 1, name="r", rows_per_subject=2), normal_cohort(30, 2, name="g"), settings
    )
    pair = Pairs.of(frame).matched
    seen: set[int] = set()
    for replicate in range(pair.n_replicates):
        first, second = equal_members(pair, replicate, 10)
        assert len(first) == len(second) == 10
        assert (pair.reference.weights[replicate, first] == 1).all()
        seen |= set(first.tolist())
    # 60 draws of 10 of 120 rows: a row is missed with probability (11/12)^60 < 1 %. The first ten of each
    # half, as they stand in the table, would never reach the last ones.
    assert len(seen) > 110
    assert max(seen) > 100


def test_members_do_not_depend_on_the_order_of_the_table():
    reference, generated = normal_cohort(40, 1, name="r"), normal_cohort(40, 2, name="g")
    order = np.random.default_rng(0).permutation(40)
    straight = pairs_of(reference, generated).null
    mixed = pairs_of(reference.select(order), generated).null
    for replicate in range(5):
        ids = [
            set(pair.reference.arrays.sample.subjects["participant_id"].to_numpy()[rows])
            for pair in (straight, mixed)
            for rows in equal_members(pair, replicate, 7)
        ]
        assert ids[0] == ids[2]
        assert ids[1] == ids[3]


def test_bootstrap_needs_the_rows_of_the_estimate_only():
    pairs = pairs_of(normal_cohort(50, 1, name="r"), normal_cohort(90, 2, name="g"))
    weighted = Weighted(pairs.full.generated.arrays, np.zeros((1, 90), dtype=np.uint8))
    weighted.weights[:] = 3
    tripled = Pair(pairs.full.frame, pairs.full.reference, weighted, "bootstrap", pairs.full)
    assert transport_distance(tripled)[0] == pytest.approx(transport_distance(pairs.full)[0], rel=1e-9)
