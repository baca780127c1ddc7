"""Which structure differs most, and which differ after correction: one joint test over a map of structures.

A headline about a map says how the typical structure does. The map itself is tested here: every structure
against no difference, with the bootstrap draws that all structures share, so that correlated structures do
not pay for each other as independent ones would.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.results import centred, column_quantiles

CENTRAL = (0.025, 0.975)
MAX_UNDEFINED_SHARE = 0.05


@dataclass(frozen=True)
class StructureMap:
    """A signed deviation per structure; zero is no difference.

    Attributes
    ----------
    values : callable
        `f(pair) -> (B, s)`.
    margin : callable
        `f(pair) -> (s,)`, called with the pair of the estimate: the largest deviation that still counts as
        the same.
    names : callable
        `f(frame) -> names`, (s,).
    words : tuple of str
        What a negative and a positive deviation mean.
    least_error : callable or None
        `f(pair) -> (s,)`, called with the pair of the estimate: a standard error that those of the draws must
        not fall below.
    """

    values: Callable[[Pair], np.ndarray]
    margin: Callable[[Pair], np.ndarray]
    names: Callable[[Frame], tuple[str, ...]]
    words: tuple[str, str]
    least_error: Callable[[Pair], np.ndarray] | None = None


@dataclass(frozen=True)
class MapTest:
    """Every structure of a map against no difference, corrected over the map.

    Attributes
    ----------
    names : tuple of str, (s,)
    estimate, low, high, se : ndarray, (s,)
        Deviation with its 95 % interval and standard error.
    pass_low, pass_high : ndarray, (s,)
        Ends of the interval that lies inside the margin when a structure passes by itself.
    p : ndarray, (s,)
        Two-sided, corrected over structures.
    margin : ndarray, (s,)
    n_effective : float
        Number of independent structures that would make the same largest statistic by chance.
    freedom : int
        Degrees of freedom of the t distribution that statistics are referred to.
    words : tuple of str
    """

    names: tuple[str, ...]
    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    pass_low: np.ndarray
    pass_high: np.ndarray
    se: np.ndarray
    p: np.ndarray
    margin: np.ndarray
    n_effective: float
    freedom: int
    words: tuple[str, str]

    @property
    def beyond(self) -> np.ndarray:
        """Structures whose estimate lies beyond the margin, (s,) bool."""
        return np.abs(self.estimate) > self.margin

    @property
    def smallest_p(self) -> float:
        """The smallest corrected p among structures beyond the margin; 1 when there is none."""
        p = self.p[self.beyond & np.isfinite(self.p)]
        return float(p.min()) if len(p) else 1.0

    def failing(self, level: float) -> list[int]:
        """Return the structures that differ at a corrected level and lie beyond the margin, worst first."""
        failures = np.flatnonzero(self.beyond & (self.p <= level))
        return sorted(failures.tolist(), key=lambda i: (self.p[i], -abs(self.estimate[i])))

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the intervals, (s,), that exclude zero where the corrected p is at most this level."""
        single = -np.expm1(np.log1p(-min(level, 1 - 1e-16)) / self.n_effective)
        arm = student.isf(single / 2, self.freedom) * self.se
        return self.estimate - arm, self.estimate + arm

    def describe(self, index: int) -> str:
        """Name a structure and the direction of its deviation."""
        return f"{self.names[index]}, {self.words[int(self.estimate[index] > 0)]}"


def largest(pair: Pair, one: StructureMap) -> np.ndarray:
    """Return the largest absolute deviation over structures, (B,)."""
    return np.asarray(np.fmax.reduce(np.abs(one.values(pair)), axis=1))


def largest_name(pair: Pair, one: StructureMap) -> str:
    """Name the structure that deviates most in the first replicate, and the direction."""
    values = one.values(pair)[0]
    at = int(np.nanargmax(np.abs(values)))
    return f"{one.names(pair.frame)[at]}, {one.words[int(values[at] > 0)]}"


def joint_test(one: StructureMap, full: Pair, bootstrap: Pair) -> MapTest:
    """Test every structure of a map.

    Notes
    -----
    Each statistic is the estimate over the standard error of its draws, referred to a t distribution whose
    degrees of freedom are those of the smaller cohort. The largest statistic of the recentred joint draws
    has a 95 % quantile; the number of independent tests with that quantile (Šidák) corrects p values beyond
    what few draws can resolve: p_corrected = 1 - (1 - p)^n_effective (Westfall & Young 1993, key
    Westfall1993, for the joint resampling). A `least_error` counts for the statistic of a structure, not for
    that number.
    """
    estimate = np.asarray(one.values(full)[0], dtype=float)
    draws = centred(np.asarray(one.values(bootstrap), dtype=float), estimate)
    is_undefined = (~np.isfinite(draws)).mean(axis=0) > MAX_UNDEFINED_SHARE
    alpha = full.frame.settings.alpha
    low, pass_low, pass_high, high = column_quantiles(draws, (CENTRAL[0], alpha, 1 - alpha, CENTRAL[1]))
    smaller = min(len(full.reference.arrays.clusters), len(full.generated.arrays.clusters))
    freedom = max(smaller - len(full.frame.columns), 3)
    se = (high - low) / (2 * student.ppf(CENTRAL[1], 1e6))
    error = se if one.least_error is None else np.fmax(se, one.least_error(full))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(estimate == 0, 0.0, np.abs(estimate) / error)
        largest_draw = np.fmax.reduce(
            np.where(se > 0, np.abs(draws - estimate) / np.where(se > 0, se, 1.0), 0.0), axis=1
        )
    single = 2 * student.sf(statistic, freedom)
    n_effective = _effective(float(np.nanquantile(largest_draw, 0.95)), len(estimate))
    p = np.where(is_undefined, np.nan, -np.expm1(n_effective * np.log1p(-np.minimum(single, 1 - 1e-16))))
    names = one.names(full.frame)
    margin = np.broadcast_to(one.margin(full), estimate.shape)
    return MapTest(
        names, estimate, low, high, pass_low, pass_high, error, p, margin, n_effective, freedom, one.words
    )


def _effective(quantile: float, n: int) -> float:
    """Return how many independent normal statistics have a largest one with this 95 % quantile, 1 to n."""
    single = 2 * student.sf(quantile, 1e6)
    if not 0 < single < 1:
        return float(n)
    return float(np.clip(np.log(0.95) / np.log1p(-single), 1.0, n))
