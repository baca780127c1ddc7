"""The age curve against patsy, which columns are identified, and the trend over common ages."""

import numpy as np
import patsy
import pytest

from plausibrain.analysis.covariates import (
    Covariates,
    common_ages,
    identified,
    restricted_cubic,
    trend_weights,
)
from plausibrain.analysis.sample import prepare_samples
from tests.unit.analysis.factory import normal_cohort


def sample(n=60, seed=0, **kwargs):
    cohort = normal_cohort(n, seed, **kwargs)
    return prepare_samples(cohort, cohort, min_subjects=4).reference


def test_spline_spans_the_same_curves_as_patsys_natural_spline():
    x = np.linspace(0, 10, 200)
    knots = np.array([1.0, 3.0, 6.0, 9.0])
    ours = np.column_stack([np.ones_like(x), x, restricted_cubic(x, knots)])
    theirs = np.asarray(
        patsy.dmatrix(
            "cr(x, knots=(3.0, 6.0), lower_bound=1.0, upper_bound=9.0) - 1", {"x": x}, return_type="matrix"
        )
    )
    inside = (x >= 1) & (x <= 9)  # outside its bounds patsy goes on straight as well
    for rows in (inside, slice(None)):
        fitted = theirs[rows] @ np.linalg.lstsq(theirs[rows], ours[rows], rcond=None)[0]
        np.testing.assert_allclose(fitted, ours[rows], atol=1e-8)


def test_spline_by_hand():
    # Harrell 2.25 with knots 0, 1, 2, norm (2 - 0)^2 = 4; at 3: 27 - 8 * 2 / 1 + 1 * 1 / 1 = 12.
    assert restricted_cubic(np.array([-1.0, 0.5, 3.0]), np.array([0.0, 1.0, 2.0])).ravel() == pytest.approx(
        [0.0, 0.125 / 4, 12 / 4]
    )


def test_spline_is_straight_outside_the_knots():
    x = np.array([10.0, 11.0, 12.0, 13.0])
    assert np.abs(np.diff(restricted_cubic(x, np.array([1.0, 3.0, 6.0, 9.0])), n=2, axis=0)).max() < 1e-10


def test_repeated_knots_give_no_bend():
    assert not restricted_cubic(np.arange(5.0), np.array([1.0, 1.0, 2.0, 3.0])).any()


def test_constants_come_from_the_reference_alone():
    reference, generated = sample(seed=1), sample(seed=2, age=(60.0, 90.0))
    covariates = Covariates.of(reference)
    design = covariates(generated)
    assert covariates.names == ("one", "age", "age_2", "age_3", "sex", "tiv")
    np.testing.assert_allclose(design[:, 1], (generated.age - reference.age.mean()) / 10)
    np.testing.assert_allclose(design[:, 5], (generated.tiv - reference.tiv.mean()) / reference.tiv.std())
    assert set(design[:, 4]) == {-0.5, 0.5}


def test_what_cannot_be_told_from_the_cohort_is_dropped():
    n = 20
    free = np.random.default_rng(0).normal(size=(2, n))
    one = np.ones(n)
    reference = np.column_stack([one, free[0], 0 * one - 0.5, free[0] * 2])
    generated = np.column_stack([one, free[1], 0 * one + 0.5, free[1] * 2])
    assert identified(reference, generated).tolist() == [True, True, False, False]


def test_a_column_constant_in_one_cohort_is_kept():
    one, free = np.ones(20), np.random.default_rng(0).normal(size=20)
    assert identified(np.column_stack([one, free]), np.column_stack([one, 0 * free])).all()


def test_common_ages():
    young, old = sample(seed=1, age=(20.0, 60.0)), sample(seed=2, age=(40.0, 80.0))
    ages = common_ages(young, old)
    assert ages.min() >= old.age.min()
    assert ages.max() <= young.age.max()
    assert len(common_ages(sample(seed=1, age=(20.0, 30.0)), sample(seed=2, age=(40.0, 50.0)))) == 0


def test_trend_of_a_curve_is_its_regression_on_age():
    age = np.random.default_rng(5).uniform(2, 8, 300)
    columns = np.column_stack([age - 5, restricted_cubic(age, np.array([2.5, 4.0, 6.0, 7.5]))])
    beta = np.array([0.7, -1.1, 0.4])
    slope = np.polyfit(age, columns @ beta, 1)[0]
    assert trend_weights(columns) @ beta == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize("columns", [np.empty((0, 3)), np.ones((4, 3))])
def test_trend_without_a_range_is_the_plain_slope(columns):
    assert trend_weights(columns).tolist() == [1.0, 0.0, 0.0]
