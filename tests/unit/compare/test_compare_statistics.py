"""Joint draws, intervals of differences and of losses, ranks."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from plausibrain.reports.baseline_snapshot import Headline
from plausibrain.reports.compare.statistics import (
    Joint,
    difference_interval,
    difference_p,
    family_level,
    join,
    loss,
    loss_interval,
    mean_ranks,
    on_scale,
    rank_shares,
    resolvable,
    spread,
)

N_SIMULATED = 8000
# Five standard errors of a simulated rate of 5 %: a correct bound passes practically always.
TOLERANCE = 5 * math.sqrt(0.05 * 0.95 / N_SIMULATED)


def make(estimate: float, se: float = 0.1, **more: object) -> Headline:
    ends = {"ci_low": estimate - 1.96 * se, "ci_high": estimate + 1.96 * se}
    return Headline.model_validate(
        {"name": "h", "ideal": 0.0, "estimate": estimate, "se": se, **ends, **more}
    )


def normal_joint(first: float, second: float, correlation: float = 0.0) -> Joint:
    """Both estimates with a standard error of one."""
    minus, plus = math.sqrt(2 - 2 * correlation), math.sqrt(2 + 2 * correlation)
    return Joint(first, second, 1.0, 1.0, minus, plus, from_draws=True)


def test_spread_is_the_standard_deviation_of_normal_draws():
    draws = np.random.default_rng(0).normal(3.0, 0.7, 200_000)
    assert spread(draws) == pytest.approx(0.7, rel=0.01)  # sampling error of the quantiles: 0.5 %


def test_spread_is_not_moved_by_wild_draws():
    draws = np.random.default_rng(0).normal(0.0, 1.0, 2000)
    wild = draws.copy()
    wild[:5] = 1e9
    assert spread(wild) == pytest.approx(spread(draws), rel=0.1)


@pytest.mark.parametrize("draws", [np.ones(50), np.r_[np.ones(900), np.full(100, np.nan)]])
def test_spread_is_unknown_with_too_few_finite_draws(draws):
    assert math.isnan(spread(draws))


def test_spread_of_few_values_is_their_standard_deviation():
    draws = np.zeros(1000)
    draws[:10] = 1.0  # the middle 95 % are all zero
    assert spread(draws) == pytest.approx(draws.std())


def test_shared_draws_cancel_and_independent_draws_do_not():
    rng = np.random.default_rng(1)
    shared, own_a, own_b = rng.normal(0, [[0.9], [0.3], [0.3]], (3, 4000))
    paired = join(make(0.0), make(0.0), shared + own_a, shared + own_b)
    unpaired = join(make(0.0), make(0.0), shared + own_a, rng.permutation(shared + own_b))
    assert paired.se_difference == pytest.approx(0.3 * math.sqrt(2), rel=0.05)
    assert unpaired.se_difference == pytest.approx(math.sqrt(2 * 0.9), rel=0.05)
    assert paired.correlation == pytest.approx(0.9, abs=0.03)
    assert unpaired.correlation == pytest.approx(0.0, abs=0.08)


def test_without_draws_standard_errors_combine_as_independent():
    joint = join(make(0.2, se=0.3), make(0.5, se=0.4), None, np.zeros(500))
    assert not joint.from_draws
    assert joint.se_difference == pytest.approx(0.5)
    assert joint.correlation == pytest.approx(0.0)


def test_a_missing_standard_error_comes_from_the_interval():
    assert make(0.2, se=0.25).model_copy(update={"se": math.nan}).standard_error == pytest.approx(
        0.25, rel=1e-4
    )


def test_draws_that_do_not_vary_give_way_to_the_stated_interval():
    """No resample of a cohort without exclusions has one, yet its share is not known to be zero."""
    nobody = make(0.0, se=0.01)
    joint = join(nobody, nobody, np.zeros(500), np.zeros(500))
    assert joint.se_difference == pytest.approx(0.01 * math.sqrt(2))


def test_ratios_are_joined_as_logarithms():
    rng = np.random.default_rng(2)
    draws = np.exp(rng.normal(0, 0.1, (2, 4000)))
    joint = join(make(0.5, ideal=1.0), make(2.0, ideal=1.0), 0.5 * draws[0], 2.0 * draws[1], ratio=True)
    assert (joint.first, joint.second) == pytest.approx((-math.log(2), math.log(2)))
    assert joint.se_difference == pytest.approx(0.1 * math.sqrt(2), rel=0.05)
    found = loss_interval(joint, better="closer", ideal=0.0, alpha_low=0.05, alpha_high=0.05)
    assert found.estimate == pytest.approx(0.0)  # half and double are equally far


def test_a_ratio_that_is_not_positive_is_very_far_away():
    assert abs(on_scale(np.array([-0.3]), ratio=True)[0]) > 20


@pytest.mark.parametrize(
    ("better", "values", "expected"),
    [("closer", [-0.5, 1.5], [1.5, 0.5]), ("higher", [2.0], [-2.0]), ("lower", [2.0], [2.0])],
)
def test_loss_is_less_where_better(better, values, expected):
    assert loss(np.array(values), better=better, ideal=1.0).tolist() == expected


def test_family_level_divides_the_error():
    assert family_level(10) == pytest.approx(0.995)
    assert family_level(0) == pytest.approx(0.95)


def test_difference_interval_and_p_agree():
    joint = normal_joint(0.0, 1.96 * math.sqrt(2))
    assert difference_interval(joint, 0.95).low == pytest.approx(0.0, abs=1e-3)
    assert difference_p(joint) == pytest.approx(0.05, abs=1e-4)


def test_the_resolvable_difference_is_found_with_80_percent_power():
    joint = normal_joint(0.0, 0.0)
    truth = resolvable(joint, 0.99)
    found = np.random.default_rng(3).normal(truth, joint.se_difference, 20_000)
    half = norm.ppf(0.995) * joint.se_difference
    assert np.mean(found > half) == pytest.approx(0.8, abs=0.015)  # 5 standard errors


def test_two_equal_runs_without_error_do_not_differ():
    joint = Joint(0.3, 0.3, 0.1, 0.1, 0.0, 0.2, from_draws=True)
    assert difference_p(joint) == 1.0
    found = loss_interval(joint, better="closer", ideal=0.0, alpha_low=0.01, alpha_high=0.05)
    assert (found.low, found.estimate, found.high) == (0.0, 0.0, 0.0)


def test_paired_runs_near_the_ideal_are_told_to_be_equal():
    """Their common error moves both across the ideal together, so it must not widen the interval."""
    joint = Joint(0.01, 0.01, 0.5, 0.5, 0.001, 1.0, from_draws=True)
    found = loss_interval(joint, better="closer", ideal=0.0, alpha_low=0.05, alpha_high=0.05)
    assert found.high < 0.01
    assert found.low > -0.01


@pytest.mark.parametrize(("better", "sign"), [("lower", 1), ("higher", -1)])
def test_loss_interval_of_a_plain_direction_is_the_difference(better, sign):
    found = loss_interval(normal_joint(1.0, 3.0), better=better, ideal=0.0, alpha_low=0.025, alpha_high=0.05)
    ends = (2 - norm.isf(0.025) * math.sqrt(2), 2 + norm.isf(0.05) * math.sqrt(2))
    if sign < 0:
        ends = (-2 - norm.isf(0.025) * math.sqrt(2), -2 + norm.isf(0.05) * math.sqrt(2))
    assert (found.low, found.high) == pytest.approx(ends)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize(
    ("first", "second"), [(0, 0), (0, 1), (0, 5), (1, 1), (2, 2), (5, 5), (5, -5), (1, -1), (5, 0), (2, -3)]
)
def test_bounds_of_the_worsening_keep_their_error_also_at_the_ideal(first, second, correlation):
    rng = np.random.default_rng([first + 10, second + 10])
    truth = abs(second) - abs(first)
    covariance = [[1, correlation], [correlation, 1]]
    too_high = too_low = 0
    for a, b in rng.multivariate_normal([first, second], covariance, N_SIMULATED):
        joint = normal_joint(a, b, correlation)
        found = loss_interval(joint, better="closer", ideal=0.0, alpha_low=0.05, alpha_high=0.05)
        assert found.low <= found.estimate <= found.high
        too_high += found.low > truth
        too_low += found.high < truth
    assert too_high / N_SIMULATED <= 0.05 + TOLERANCE
    assert too_low / N_SIMULATED <= 0.05 + TOLERANCE


def test_ranks_of_clear_and_of_tied_runs():
    assert rank_shares(np.array([[0.1, 0.2, 0.3], [0.2, 0.1, 0.3]])).tolist() == [
        [0.5, 0.5, 0.0],
        [0.5, 0.5, 0.0],
        [0.0, 0.0, 1.0],
    ]
    assert rank_shares(np.ones((5, 2))).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_rank_shares_add_up():
    shares = rank_shares(np.random.default_rng(4).integers(0, 3, (300, 4)).astype(float))
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_ranks_leave_out_incomplete_draws():
    losses = np.array([[0.1, np.nan], [0.3, 0.2]])
    assert rank_shares(losses).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert np.isnan(rank_shares(losses[:1])).all()


def test_mean_ranks_over_headlines():
    losses = np.array([[[0.1, 0.2, 0.2]], [[0.3, 0.2, 0.1]]])  # two headlines, one draw, three runs
    assert mean_ranks(losses).tolist() == [[2.0, 2.25, 1.75]]
    losses[1, 0, 0] = np.nan
    assert np.isnan(mean_ranks(losses)[0, 0])


def test_equal_runs_come_out_first_in_three_quarters_every_other_time():
    """The page says so, to keep readers from taking a rank share for a test."""
    rng = np.random.default_rng(5)
    shares = []
    for _ in range(800):
        centre = rng.normal(0, 1, 2)
        shares.append(rank_shares(centre + rng.normal(0, 1, (200, 2)))[:, 0].max())
    assert np.mean(np.array(shares) >= 0.75) == pytest.approx(0.5, abs=0.09)


def test_a_few_draws_that_are_infinite_in_both_runs_do_not_matter() -> None:
    """A headline that some resamples of a small cohort leave undefined; no warning either."""
    draws = np.random.default_rng(0).normal(size=(2, 500))
    known = join(make(0.2), make(0.5), *draws)
    draws[:, :5] = np.inf
    joint = join(make(0.2), make(0.5), *draws)
    assert joint.from_draws
    assert joint.se_difference == pytest.approx(known.se_difference, rel=0.1)
