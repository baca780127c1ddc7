"""Large cohorts are resampled in groups of subjects: the estimates are the same, the intervals as wide."""

import numpy as np
import pytest

from plausibrain.analysis import prediction
from plausibrain.analysis import strata as strata_module
from plausibrain.analysis.brain_age import accuracy_difference, standardised_gap
from plausibrain.analysis.pair import ROLES, Weighted
from plausibrain.analysis.prediction import chosen_models
from plausibrain.analysis.regression import moments
from plausibrain.analysis.settings import Rules, Settings
from plausibrain.analysis.strata import Strata, restrict, shared_strata
from plausibrain.analysis.weights import Clusters, bootstrap_weights, split_weights
from tests.unit.analysis.factory import QUICK, frame_of, normal_cohort, pairs_of

N, UNITS = 430, 100
COHORTS = normal_cohort(N, 1, name="r"), normal_cohort(N - 30, 2, name="g")
WHOLE = pairs_of(*COHORTS)
GROUPED = pairs_of(*COHORTS, QUICK.model_copy(update={"rules": Rules(max_units=UNITS)}))


def test_groups_are_equally_large_and_do_not_depend_on_the_order_of_rows():
    subjects = np.array([f"s{k:04d}" for k in range(N)] + ["s0007"])
    clusters = Clusters.of(subjects, UNITS)
    assert clusters.n_units == UNITS
    assert clusters.unit_of[7] == clusters.unit_of[-1], "rows of a subject stay together"
    assert set(np.bincount(clusters.unit_of[:-1])) == {N // UNITS, N // UNITS + 1}
    order = np.random.default_rng(0).permutation(len(subjects))
    np.testing.assert_array_equal(Clusters.of(subjects[order], UNITS).unit_of, clusters.unit_of[order])


def test_a_cohort_that_is_not_large_is_resampled_by_subject():
    clusters = Clusters.of(np.array(["b", "a", "b", "c"]), 3)
    assert not clusters.is_grouped
    assert clusters.unit_of is clusters.row_of


def test_halves_of_groups_are_disjoint_and_about_half():
    first, second = split_weights(Clusters.of(np.arange(N).astype(str), UNITS), N // 2, 20, rng())
    assert not (first & second).any()
    for half in (first, second):
        assert np.abs(half.sum(axis=1) - N / 2).max() <= UNITS / 2  # a group more or less than its mean size


def test_standard_errors_are_those_of_independent_subjects():
    """Of 6,000 values in 500 groups: σ / √n within four of its own standard errors, √(1/1000 + 1/4000)."""
    values = rng().standard_normal(6000)
    weights = bootstrap_weights(Clusters.of(np.arange(6000).astype(str), 500), 2000, rng())
    means = (weights.astype(float) @ values) / weights.sum(axis=1)
    assert means.std() == pytest.approx(values.std() / np.sqrt(6000), rel=4 * np.sqrt(1 / 1000 + 1 / 4000))


@pytest.mark.parametrize("role", ROLES)
def test_sums_by_group_are_those_by_row(role):
    side = GROUPED.bootstrap.side(role)
    arrays = side.arrays
    assert arrays.clusters.is_grouped
    slow = moments(arrays.design, arrays.outcomes, side.weights)
    for quick in (side.moments, side.moments_of(arrays.design, arrays.outcomes)):
        for name in ("n", "xx", "xy", "yy"):
            np.testing.assert_allclose(getattr(quick, name), getattr(slow, name), rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(side.sums(arrays.outcomes), side.weights.astype(float) @ arrays.outcomes)
    some = np.arange(0, len(arrays.outcomes), 2)
    np.testing.assert_allclose(
        side.sums(arrays.outcomes[some], some), side.weights[:, some].astype(float) @ arrays.outcomes[some]
    )


def test_products_are_taken_once_for_all_replicates(monkeypatch):
    frame = frame_of(*COHORTS, QUICK.model_copy(update={"rules": Rules(max_units=UNITS)}))
    many = np.ones((20, N), dtype=np.uint8)
    first = Weighted(frame.reference, many).moments
    monkeypatch.setattr("plausibrain.analysis.pair.GroupedProducts.of", None)
    np.testing.assert_array_equal(Weighted(frame.reference, many).moments.xy, first.xy)


@pytest.mark.parametrize("headsize", ["none", "share", "covariate"])
def test_estimates_stay_and_intervals_are_as_wide(headsize):
    n = len(WHOLE.full.frame.structures)
    whole, grouped = (pairs.full.difference(headsize)[:, :n] for pairs in (WHOLE, GROUPED))
    np.testing.assert_allclose(grouped, whole, rtol=1e-9, atol=1e-12)
    se = [pairs.bootstrap.difference(headsize)[:, :n].std(axis=0) for pairs in (WHOLE, GROUPED)]
    # Mean over structures: 100 groups and 200 resamples leave 9 % to chance, two of these on either side.
    assert (se[1] / se[0]).mean() == pytest.approx(1, abs=0.2)


def test_strata_as_sums_of_cells_are_the_strata(monkeypatch):
    pair = WHOLE.bootstrap
    monkeypatch.setattr(strata_module, "BLOCK_ROWS", 10)
    strata = Strata(pair)
    names = []
    for name, *masks in shared_strata(pair.frame):
        slow = restrict(pair, *masks)
        np.testing.assert_allclose(
            strata.restrict(*masks).difference("none"), slow.difference("none"), rtol=1e-6, atol=1e-7
        )
        names.append(name)
    assert {"F", "M", "20-29", "F 30-39"} <= set(names)


@pytest.mark.parametrize("quantity", [standardised_gap, accuracy_difference])
def test_predictions_of_large_cohorts_are_made_for_the_rows_of_a_split(monkeypatch, quantity):
    few = [getattr(WHOLE, kind).first(3) for kind in ("halves", "null", "matched")]
    slow = [quantity(pair) for pair in few]
    WHOLE.full.frame.cache.clear()
    chosen_models(WHOLE.full.frame, "age")  # a large cohort has no kernels to choose from
    monkeypatch.setattr(prediction, "MOST_KERNEL_ROWS", 10)
    for pair, expected in zip(few, slow, strict=True):
        np.testing.assert_allclose(quantity(pair), expected, rtol=1e-9)


def test_large_cohorts_choose_among_linear_models():
    assert {name.split()[0] for name in prediction.candidates("age", kernels=False)} == {"ridge"}


def test_the_number_of_groups_is_part_of_the_protocol():
    rules = Settings().model_dump()["rules"]
    assert rules["max_units"] == 5000


def rng() -> np.random.Generator:
    return np.random.default_rng(5)
