"""From a headline function to an estimate with interval, null, matched value and verdict."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair, bootstrap_pair, full_pair, half_pair, split_pairs
from plausibrain.analysis.registry import HeadlinePlugin
from plausibrain.analysis.results import MAX_UNDEFINED_SHARE, POWER, column_quantiles
from plausibrain.analysis.structure_maps import MapTest, joint_test
from plausibrain.cohorts.errors import MeasurementError

MAX_DRAWN_LEVEL = 0.99
MAX_HALVES = 40
DIFFERS = 0.05
LOG_SMALLEST_P, BISECTIONS = math.log(1e-12), 40


@dataclass(frozen=True)
class Pairs:
    """Every weighting of one comparison, made once and shared by all headlines."""

    full: Pair
    bootstrap: Pair
    halves: Pair
    null: Pair
    matched: Pair
    injected: Pair

    @classmethod
    def of(cls, frame: Frame) -> "Pairs":
        """Draw bootstrap and splits for one frame."""
        full = full_pair(frame)
        return cls(full, bootstrap_pair(frame, full), half_pair(frame), *split_pairs(frame))


@dataclass(frozen=True)
class Headline:
    """One evaluated headline.

    Attributes
    ----------
    plugin : HeadlinePlugin
    status : {"ok", "not_applicable", "failed"}
    reason : str
    estimate : float
        At the full n.
    draws : ndarray, (B,)
        Bootstrap values, moved so that their median is the estimate: resampling adds noise, and statistics
        that grow with noise would otherwise be counted twice.
    null, matched : ndarray, (K,)
        Split-half reference and real against generated at `frame.split_size` subjects each.
    judged : float
        What the verdict is about: the estimate, or its excess over the null.
    margin : tuple of float
        For `judged`.
    structures : MapTest or None
        The map that the headline is the largest deviation of.
    """

    plugin: HeadlinePlugin
    frame: Frame
    status: str = "ok"
    reason: str = ""
    estimate: float = math.nan
    draws: np.ndarray = field(default_factory=lambda: np.empty(0))
    null: np.ndarray = field(default_factory=lambda: np.empty(0))
    matched: np.ndarray = field(default_factory=lambda: np.empty(0))
    judged: float = math.nan
    margin: tuple[float, float] = (math.nan, math.nan)
    structures: MapTest | None = None

    @property
    def se(self) -> float:
        """Standard error: the width of the central 95 % of the draws over that of a normal distribution."""
        low, high = column_quantiles(self.draws, [0.025, 0.975])
        return float(high - low) / (2 * norm.ppf(0.975))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the interval of the estimate at any level.

        Up to 99 % from the draws themselves; beyond, where draws are too few, the 95 % interval stretched
        as a normal one would be.
        """
        own = self.plugin.interval
        if own is not None:
            return own(self.frame, level)
        low, high = self._central(level) if level <= MAX_DRAWN_LEVEL else self._normal(level)
        bound_low, bound_high = self.plugin.bounds
        return max(float(low), bound_low), min(float(high), bound_high)

    def _central(self, level: float) -> tuple[float, float]:
        if self.plugin.lognormal:
            return self._lognormal(level)
        tail = (1 - level) / 2
        low, high = column_quantiles(self.draws, [tail, 1 - tail])
        return float(low), float(high)

    def _lognormal(self, level: float) -> tuple[float, float]:
        """Return t quantiles times the standard deviation of the logarithm, as for structures of a map."""
        positive = self.draws[(self.draws > 0) & np.isfinite(self.draws)]
        smaller = min(len(self.frame.reference.clusters), len(self.frame.generated.clusters))
        freedom = max(smaller - len(self.frame.columns), 3)
        arm = float(student.ppf((1 + level) / 2, freedom) * np.log(positive).std()) if len(positive) else 0.0
        return self.estimate * math.exp(-arm), self.estimate * math.exp(arm)

    def _normal(self, level: float) -> tuple[float, float]:
        """Stretch both arms of the 95 % interval, so that a skewed estimate keeps its skew."""
        stretch = norm.ppf((1 + level) / 2) / norm.ppf(0.975)
        low, high = self._central(0.95)
        return self.estimate - stretch * (self.estimate - low), self.estimate + stretch * (
            high - self.estimate
        )

    def judged_interval(self, level: float) -> tuple[float, float]:
        """Return the interval of what the verdict is about."""
        low, high = self.interval(level)
        shift = self.judged - self.estimate
        return low + shift, high + shift

    def failing_interval(self, level: float) -> tuple[float, float]:
        """Return the interval of the estimate that decides a *fail* at a level.

        It excludes the ideal (of an excess over the null: the margin) exactly where `p` is at most the level
        and the estimate lies outside the margin. A map fails through a structure and its interval instead.
        """
        if self.plugin.interval is not None:
            return self.interval(1 - level)
        stretch = float(norm.isf(level / 2) / norm.ppf(0.975))
        below, above = self._arms()
        return self.estimate - stretch * below, self.estimate + stretch * above

    def verdict(self, alpha: float, n_headlines: int) -> str:
        """Return `pass`, `fail`, `inconclusive` or `not measured`.

        Parameters
        ----------
        alpha : float
            Chance of any false *fail* over all headlines. A *pass* is two one-sided tests at `alpha`.
        n_headlines : int
            What `alpha` is divided by for this headline (`plausibrain.analysis.decisions.divisors`).
        """
        if self.status != "ok":
            return "not measured"
        if self.too_few:
            return "inconclusive"
        if self.p <= alpha / n_headlines:
            return "fail"
        low, high = self.judged_interval(1 - 2 * alpha)
        return "pass" if self.margin[0] <= low and high <= self.margin[1] else "inconclusive"

    @property
    def p(self) -> float:
        """The p value of *fail*; 1 where the estimate lies within the margin, NaN without a verdict.

        A map fails through one of its structures. A number whose ideal holds at any n is tested against that
        ideal, once its estimate lies beyond the margin. A number that depends on n is tested against the edge
        of its margin, once its matched value lies outside split-half reference.
        """
        if self.status != "ok" or self.too_few:
            return math.nan
        if self.structures is not None:
            return self.structures.smallest_p
        low, high = self.margin
        if not (self.judged < low or self.judged > high):
            return 1.0
        if self.plugin.against_null:
            edge = high if self.judged > high else low
            return self._p_of(edge) if self._beyond_null() else 1.0
        return self._p_of(self.plugin.ideal)

    @property
    def differs(self) -> bool:
        """Whether the interval of what is judged excludes the ideal at 95 %, whatever the margin.

        The largest deviation of a map without split-half reference is above 0 in any case: there, whether one
        of its structures differs after correction.
        """
        if self.structures is not None and not self.plugin.against_null:
            return bool((self.structures.p <= DIFFERS).any())
        ideal = 0.0 if self.plugin.against_null else self.plugin.ideal
        low, high = self.judged_interval(0.95)
        return bool(low > ideal or high < ideal) and (not self.plugin.against_null or self._beyond_null())

    def _p_of(self, value: float) -> float:
        """Return the two-sided p value of a value of `judged`: the level at which the interval reaches it."""
        if self.plugin.interval is not None:
            return self._p_of_interval(value)
        arm = self._arms()[int(value > self.judged)]
        z = abs(self.judged - value) / arm * norm.ppf(0.975) if arm > 0 else math.inf
        return float(2 * norm.sf(z))

    def _arms(self) -> tuple[float, float]:
        """Return how far the 95 % interval reaches below and above the estimate."""
        low, high = self._central(0.95)
        # The 2.5 % quantile of a few hundred draws is itself uncertain; their standard deviation less so.
        finite = self.draws[np.isfinite(self.draws)]  # a resample of few subjects may have no spread
        least = float(norm.ppf(0.975) * finite.std()) if finite.size else 0.0
        return max(self.estimate - low, least), max(high - self.estimate, least)

    def _p_of_interval(self, value: float) -> float:
        def excluded(log_p: float) -> bool:
            low, high = self.judged_interval(1 - math.exp(log_p))
            return low > value or high < value

        below, above = LOG_SMALLEST_P, 0.0  # the answer lies between
        if excluded(below):
            return math.exp(below)
        for _ in range(BISECTIONS):
            middle = (below + above) / 2
            below, above = (below, middle) if excluded(middle) else (middle, above)
        return math.exp(above)

    @property
    def too_few(self) -> str:
        """Why there are too few subjects for any verdict; empty when there are enough.

        Models are fitted within halves; with hardly more subjects than coefficients their residuals mean
        nothing.
        """
        plugin, frame = self.plugin, self.frame
        least = frame.settings.rules.subjects_per_column * len(frame.columns)
        if not plugin.null or plugin.interval is not None or frame.split_size >= least:
            return ""
        return (
            f"split-half reference at the same n has {frame.split_size} subjects a side, a verdict "
            f"takes {least}: "
            f"at least {2 * least} real and {least} generated subjects"
        )

    def _beyond_null(self) -> bool:
        if not len(self.null):
            return True
        low, high = _central_range(self.null)
        matched = _median(self.matched)  # NaN, where splits are undefined, is never beyond
        return matched < low or matched > high

    def detectable(self, alpha: float, n_headlines: int) -> float:
        """Return the smallest distance from the ideal that would be called *fail* with 80 % power.

        Of a map: of its typical structure.
        """
        test = self.structures
        if test is not None:
            z, se = norm.ppf(1 - alpha / (2 * n_headlines * test.n_effective)), np.nanmedian(test.se)
            return float(max((z + norm.ppf(POWER)) * se, np.nanmedian(test.margin) + norm.ppf(POWER) * se))
        edges = [abs(edge) for edge in self._margin_distances() if math.isfinite(edge)]
        edge, z = max(edges, default=math.nan), norm.ppf(1 - alpha / (2 * n_headlines))
        if self.plugin.against_null:
            return edge + (z + norm.ppf(POWER)) * self.se
        return max((z + norm.ppf(POWER)) * self.se, edge + norm.ppf(POWER) * self.se)

    def needed(self, alpha: float, n_headlines: int) -> float:
        """Return how many times as many subjects would decide, if the estimate were the truth; NaN if none.

        Within the margin for a *pass*, beyond it for a *fail*.
        """
        low, high = self.margin
        inside = min(high - self.judged, self.judged - low)
        if inside > 0:
            return float((norm.ppf(1 - alpha) * self.se / inside) ** 2)
        ideal = 0.0 if self.plugin.against_null else self.plugin.ideal
        away = -inside if self.plugin.against_null else abs(self.judged - ideal)
        return (
            float((norm.ppf(1 - alpha / (2 * n_headlines)) * self.se / away) ** 2) if away > 0 else math.nan
        )

    def _margin_distances(self) -> tuple[float, float]:
        ideal = 0.0 if self.plugin.against_null else self.plugin.ideal
        return self.margin[0] - ideal, self.margin[1] - ideal


def evaluate_headlines(plugins: Sequence[HeadlinePlugin], pairs: Pairs) -> list[Headline]:
    """Evaluate every headline on the same replicates."""
    return [evaluate_headline(plugin, pairs) for plugin in plugins]


def evaluate_headline(plugin: HeadlinePlugin, pairs: Pairs) -> Headline:
    """Evaluate one headline; what cannot be computed is a status with a reason, never a number.

    Parameters
    ----------
    plugin : HeadlinePlugin
    pairs : Pairs
    """
    frame = pairs.full.frame
    for need in plugin.needs:
        reason = missing_capability(need, frame)
        if reason:
            return Headline(plugin, frame, "not_applicable", reason)
    try:
        return _compute(plugin, pairs)
    except (MeasurementError, np.linalg.LinAlgError) as error:
        return Headline(plugin, frame, "failed", str(error))


def _compute(plugin: HeadlinePlugin, pairs: Pairs) -> Headline:
    frame = pairs.full.frame
    estimate = float(plugin(pairs.full)[0])
    raw = np.asarray(plugin(pairs.bootstrap), dtype=float)
    undefined_share = float(np.mean(~np.isfinite(raw)))
    if not math.isfinite(estimate) or undefined_share > MAX_UNDEFINED_SHARE:
        return Headline(plugin, frame, "failed", _undefined(estimate, undefined_share))
    draws = raw - np.nanmedian(raw) + estimate
    if plugin.fixed_scores:
        draws = _widened(draws, estimate, np.asarray(plugin(pairs.halves.first(MAX_HALVES)), dtype=float))
    null, matched = _splits(plugin, pairs)
    value, margin = estimate, plugin.margin
    if plugin.against_null:
        value = _median(matched - null)
    edges = margin(frame) if margin else _injected_margin(plugin, pairs, null)
    one = plugin.structures
    test = None if one is None else joint_test(one, pairs.full, pairs.bootstrap)
    return Headline(plugin, frame, "ok", "", estimate, draws, null, matched, value, edges, test)


def _widened(draws: np.ndarray, estimate: float, halves: np.ndarray) -> np.ndarray:
    """Give draws the spread of half-samples where that is larger."""
    spread = float(np.nanstd(draws))
    if spread == 0.0:
        return draws
    return estimate + (draws - estimate) * max(1.0, float(np.nanstd(halves, ddof=1)) / spread)


def _undefined(estimate: float, share: float) -> str:
    if math.isfinite(estimate):
        undefined = f"undefined in {100 * share:.0f} % of resamples"
        return f"{undefined}: the reference's own effect is not clear at this n"
    return "undefined: the reference's own effect is not larger than its noise at this n"


def _splits(plugin: HeadlinePlugin, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    if not plugin.null:
        return np.empty(0), np.empty(0)
    most = plugin.max_splits
    null, matched = (
        np.asarray(plugin(pair.first(most)), dtype=float) for pair in (pairs.null, pairs.matched)
    )
    return null, matched


def _injected_margin(plugin: HeadlinePlugin, pairs: Pairs, null: np.ndarray) -> tuple[float, float]:
    """Return the excess that a difference of exactly the margin makes, as upper or as both edges."""
    excess = _injected_excess(plugin, pairs, null)
    return (-excess if plugin.both_sides else -math.inf), excess


def _injected_excess(plugin: HeadlinePlugin, pairs: Pairs, null: np.ndarray) -> float:
    values = np.asarray(plugin(pairs.injected.first(min(len(null), 40))), dtype=float)
    return max(_median(values - null[: len(values)]), 0.0)


def _median(values: np.ndarray) -> float:
    """Median of the defined values; NaN where too many are undefined."""
    return float(np.nanmedian(values)) if _defined(values) else math.nan


def _central_range(values: np.ndarray) -> tuple[float, float]:
    """Central 95 % of the defined values; everything where too many are undefined."""
    if not _defined(values):
        return -math.inf, math.inf
    low, high = column_quantiles(values, [0.025, 0.975])
    return float(low), float(high)


def _defined(values: np.ndarray) -> bool:
    return bool(len(values)) and float(np.mean(~np.isfinite(values))) <= MAX_UNDEFINED_SHARE
