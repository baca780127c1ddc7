"""Two estimates side by side: their difference, who is nearer the ideal, and how sure that is.

Everything rests on the standard errors of four sums, second ± first, taken from joint bootstrap draws where
there are any. Draws of two runs that share subjects share their resampling weights, so what the runs have in
common cancels in the difference, draw by draw; where they share nothing the draws are independent and
nothing cancels.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from plausibrain.reports.baseline_snapshot import Better, Headline

MIN_DRAWS = 100  # below, the 2.5 and 97.5 % points rest on fewer than three draws each
POWER = 0.8  # of the smallest difference called resolvable, the convention of sample-size planning

TINY = 1e-12  # stands for a ratio that is not above zero

Draws = NDArray[np.float64]


@dataclass(frozen=True)
class Joint:
    """Two estimates of one headline and the standard errors of their difference and sum, in its unit."""

    first: float
    second: float
    se_first: float
    se_second: float
    se_difference: float
    se_sum: float
    from_draws: bool

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.first

    @property
    def correlation(self) -> float:
        """Correlation of the two estimates over draws; 0 when they are independent."""
        product = 4 * self.se_first * self.se_second
        return (self.se_sum**2 - self.se_difference**2) / product if product > 0 else math.nan


@dataclass(frozen=True)
class Interval:
    """An estimate with the two ends of its interval."""

    estimate: float
    low: float
    high: float


def spread(draws: Draws) -> float:
    """Return the standard error that the middle 95 % of the draws imply.

    Parameters
    ----------
    draws : array, (B,)
        Bootstrap draws of one number; those that are not finite are left out.

    Returns
    -------
    float
        (q97.5 − q2.5) / (2 × 1.96), or the standard deviation where that is zero (a number that takes few
        values); NaN with fewer than 100 finite draws or when over 5 % of them are not finite.

    Notes
    -----
    A ratio of slopes has draws without a finite variance; their standard deviation would make every
    difference unresolvable. For normal draws both agree.
    """
    finite = draws[np.isfinite(draws)]
    if finite.size < max(MIN_DRAWS, 0.95 * draws.size):
        return math.nan
    low, high = np.quantile(finite, [0.025, 0.975])
    width = float((high - low) / (2 * two_sided_z(0.95)))
    return width if width > 0 else float(finite.std())


def join(
    first: Headline,
    second: Headline,
    draws_first: Draws | None,
    draws_second: Draws | None,
    *,
    ratio: bool = False,
) -> Joint:
    """Put one headline of two runs side by side.

    Parameters
    ----------
    first, second : Headline
        The two estimates, both usable.
    draws_first, draws_second : array, (B,), or None
        Their draws, aligned; None where a baseline file has none.
    ratio : bool
        Work with logarithms.

    Returns
    -------
    Joint
        Standard errors from the draws. Where there are none, or where they do not vary though the stated
        interval does (no one excluded in any resample), the stated standard errors, combined as independent.
    """
    estimates = (float(on_scale(first.estimate, ratio=ratio)), float(on_scale(second.estimate, ratio=ratio)))
    if draws_first is not None and draws_second is not None:
        a, b = on_scale(draws_first, ratio=ratio), on_scale(draws_second, ratio=ratio)
        singles = (spread(a), spread(b))
        with np.errstate(invalid="ignore"):  # infinite in both at few subjects: no difference, hence NaN
            joint = Joint(*estimates, *singles, spread(b - a), spread(b + a), from_draws=True)
        if all(math.isfinite(e) and e > 0 for e in singles) and math.isfinite(joint.se_sum):
            return joint
    singles = (_stated_error(first, ratio=ratio), _stated_error(second, ratio=ratio))
    both = math.hypot(*singles)
    return Joint(*estimates, *singles, both, both, from_draws=False)


def on_scale(values: float | Draws, *, ratio: bool) -> Draws:
    """Return values, or their logarithms; what is not above zero becomes very far from any ratio."""
    return np.log(np.maximum(values, TINY)) if ratio else np.asarray(values, dtype=np.float64)


def _stated_error(headline: Headline, *, ratio: bool) -> float:
    return headline.standard_error / headline.estimate if ratio else headline.standard_error


def two_sided_z(level: float) -> float:
    """Return the normal quantile of a two-sided interval of this level, such as 1.96 for 0.95."""
    return upper_quantile((1 - level) / 2)


def upper_quantile(alpha: float) -> float:
    """Return the point that a standard normal exceeds with this probability, such as 1.645 for 0.05."""
    return -NormalDist().inv_cdf(alpha)


def family_level(n_tests: int, alpha: float = 0.05) -> float:
    """Return the level per interval that keeps the chance of any false finding below ``alpha``.

    Bonferroni's bound, which holds however the tests depend on each other.
    """
    return 1 - alpha / max(n_tests, 1)


def difference_interval(joint: Joint, level: float) -> Interval:
    """Return second minus first with its two-sided interval of this level, in the headline's unit."""
    half = two_sided_z(level) * joint.se_difference
    return Interval(joint.difference, joint.difference - half, joint.difference + half)


def difference_p(joint: Joint) -> float:
    """Return the two-sided p of second minus first against zero."""
    if joint.se_difference > 0:
        return float(2 * norm.sf(abs(joint.difference) / joint.se_difference))
    return 1.0 if joint.difference == 0 else math.nan


def resolvable(joint: Joint, level: float) -> float:
    """Return the smallest difference that an interval of this level finds with 80 % power."""
    return (two_sided_z(level) + upper_quantile(1 - POWER)) * joint.se_difference


def loss(values: float | Draws, *, better: Better, ideal: float) -> Draws:
    """Return how far values are from what is wanted: less is better.

    ``|x − ideal|`` where closer is better, ``−x`` where higher is, ``x`` where lower is.
    """
    if better == "closer":
        return np.asarray(np.abs(values - ideal))
    return np.asarray(-values if better == "higher" else values)


def loss_interval(
    joint: Joint, *, better: Better, ideal: float, alpha_low: float, alpha_high: float
) -> Interval:
    r"""Return by how much the second run is further from the ideal than the first, with both bounds.

    Parameters
    ----------
    joint : Joint
        The two estimates.
    better, ideal
        Direction and ideal value of the headline.
    alpha_low, alpha_high : float
        One-sided error of the lower bound ("worse by at least") and of the upper one ("by at most").

    Returns
    -------
    Interval
        Loss of the second minus loss of the first; positive is worse.

    Notes
    -----
    A distance from an ideal folds at the ideal, where its bootstrap draws are biased upwards and their
    percentiles do not cover. With n, b the two estimates minus the ideal and s, t = ±1,

    .. math:: |n| - |b| = \max_s \min_t (s n - t b) = \min_t \max_s (s n - t b),

    so bounds of the four sums give bounds of the worsening. Say it is at most x: for the true side t of b,
    both s n - t b are. The lower bound exceeds x only when for every t, so also for the true one, one of two
    sums is wrongly found above x. Two can be wrong only while the side s of n is unknown; each then gets
    half of the error. The upper bound is the mirror image, with the side of b.
    """
    if better != "closer":
        sign = -1.0 if better == "higher" else 1.0
        return _bounds(sign * joint.difference, joint.se_difference, alpha_low, alpha_high)
    minus, plus = joint.difference, joint.first + joint.second - 2 * ideal
    estimate = float(abs(joint.second - ideal) - abs(joint.first - ideal))
    z_low = _folded_z(alpha_low, joint.second - ideal, joint.se_second)
    z_high = _folded_z(alpha_high, joint.first - ideal, joint.se_first)
    half_minus, half_plus = z_low * joint.se_difference, z_low * joint.se_sum
    low = min(
        max(minus - half_minus, -plus - half_plus),
        max(plus - half_plus, -minus - half_minus),
    )
    half_minus, half_plus = z_high * joint.se_difference, z_high * joint.se_sum
    high = max(
        min(minus + half_minus, plus + half_plus),
        min(-plus + half_plus, -minus + half_minus),
    )
    return Interval(estimate, float(low), float(high))


def _folded_z(alpha: float, distance: float, error: float) -> float:
    """Quantile of a bound that rests on the side of an estimate: half the error while the side is unknown."""
    unknown = abs(distance) <= upper_quantile(alpha / 2) * error
    return upper_quantile(alpha / 2 if unknown else alpha)


def _bounds(estimate: float, error: float, alpha_low: float, alpha_high: float) -> Interval:
    low = estimate - upper_quantile(alpha_low) * error
    return Interval(estimate, low, estimate + upper_quantile(alpha_high) * error)


def rank_shares(losses: Draws) -> Draws:
    """Return how often each run has each rank.

    Parameters
    ----------
    losses : array, (B, R)
        Loss of each of R runs in each joint draw; draws with a missing value are left out.

    Returns
    -------
    array, (R, R)
        Share of draws in which the run of a row has the rank of a column (first column: best). Runs that tie
        divide their ranks equally. NaN without any complete draw.

    Examples
    --------
    >>> rank_shares(np.array([[0.1, 0.2], [0.1, 0.3], [0.4, 0.2], [0.1, 0.1]]))
    array([[0.625, 0.375],
           [0.375, 0.625]])
    """
    complete = losses[np.isfinite(losses).all(axis=1)]
    n_runs = losses.shape[1]
    if not len(complete):
        return np.full((n_runs, n_runs), np.nan)
    below = (complete[:, None, :] < complete[:, :, None]).sum(axis=2)  # (B, R)
    n_ties = (complete[:, None, :] == complete[:, :, None]).sum(axis=2)  # (B, R), itself included
    ranks = np.arange(n_runs)
    holds = (ranks >= below[..., None]) & (ranks < (below + n_ties)[..., None])  # (B, R, rank)
    shares: Draws = (holds / n_ties[..., None]).mean(axis=0)
    return shares


def mean_ranks(losses: Draws) -> Draws:
    """Return the mean rank of each run over headlines, in each draw.

    Parameters
    ----------
    losses : array, (K, B, R)
        Loss per headline, draw and run.

    Returns
    -------
    array, (B, R)
        Mean over headlines of the rank, 1 is best, ties share the mean of their ranks; NaN where a headline
        is.
    """
    below = (losses[..., None, :] < losses[..., :, None]).sum(axis=-1)
    n_ties = (losses[..., None, :] == losses[..., :, None]).sum(axis=-1)
    ranks = np.where(np.isfinite(losses), below + (n_ties + 1) / 2, np.nan)
    return np.asarray(ranks.mean(axis=0), dtype=np.float64)
