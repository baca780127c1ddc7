"""Rows of the results table, from estimates and their bootstrap draws."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, norm

from plausibrain.analysis.decisions import holm_divisors
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.schemas import RESULTS

POWER = 0.8
MAX_UNDEFINED_SHARE = 0.05
SPLITS = (0.025, 0.5, 0.975)
COLUMNS = [column.name for column in RESULTS.columns]


def centred(draws: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Move bootstrap draws (B, s) so that their median is the estimate (s,)."""
    with np.errstate(invalid="ignore"):  # an infinite estimate has no distance from its draws
        return draws - column_quantiles(draws, [0.5])[0] + estimate


def column_quantiles(draws: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return quantiles of every column of draws (B, ...) over finite values, (q, ...); NaN without any."""
    if np.isfinite(draws).all():
        return np.quantile(draws, levels, axis=0)
    flat = np.where(np.isfinite(draws), draws, np.nan).reshape(len(draws), -1)
    some = np.isfinite(flat).any(axis=0)
    out = np.full((len(levels), flat.shape[1]), np.nan)
    out[:, some] = np.nanquantile(flat[:, some], levels, axis=0)
    return out.reshape(len(levels), *draws.shape[1:])


def estimate_rows(
    *,
    question: int,
    analysis: str,
    quantity: str,
    structures: Sequence[str],
    estimate: np.ndarray,
    draws: np.ndarray,
    settings: Settings,
    unit: str,
    n: tuple[int, int],
    cohort: str = "difference",
    headsize: str = "none",
    stratum: str = "all",
    null: np.ndarray | None = None,
    matched: np.ndarray | None = None,
    n_null: int | None = None,
    margin: np.ndarray | None = None,
    no_effect: float | None = 0.0,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> pd.DataFrame:
    """Return one row per structure: interval, p values, null range, margin, detectable effect and verdict.

    Parameters
    ----------
    structures : sequence of str, (s,)
    estimate : ndarray, (s,)
    draws : ndarray, (B, s)
    n : tuple of int
        Subjects of reference and generated cohort.
    null : ndarray, (K, s), optional
        The same quantity, reference against reference.
    matched : ndarray, (K, s), optional
        The same quantity, reference against generated at the n of the null: needed where the quantity depends
        on n, because `estimate` stands at full n and cannot be read beside the null.
    n_null : int, optional
        Subjects on each side of the null and of the matched value.
    margin : ndarray, (s,) or (s, 2), optional
        Equivalence margin, symmetric or as edges; adds `p_equivalence` and a verdict per structure.
    no_effect : float or None
        Value without an effect, tested by `p`; None when a test has no meaning.
    bounds : tuple of float
        Smallest and largest value that the quantity can have; draws that are moved to the estimate can pass
        them, the interval does not.

    Notes
    -----
    p values take the estimate as normal with the standard deviation of its draws. q is Benjamini-Hochberg
    over the rows of this call. A structure is *pass* when its 1 - 2 alpha interval lies inside the margin,
    *fail* when its estimate lies outside the margin and differs from no effect at alpha after Holm's
    correction over structures: the rule of headlines.
    """
    estimate = np.asarray(estimate, dtype=float)
    centred_draws = centred(np.asarray(draws, dtype=float), estimate)
    undefined_share = (~np.isfinite(centred_draws)).mean(axis=0)
    centred_draws[:, undefined_share > MAX_UNDEFINED_SHARE] = np.nan
    tail = (1 - settings.confidence) / 2
    low, high = np.clip(column_quantiles(centred_draws, [tail, 1 - tail]), *bounds)
    se = _standard_error(centred_draws)
    table = pd.DataFrame(
        {"structure": list(structures), "estimate": estimate, "ci_low": low, "ci_high": high}
    )
    table = table.assign(
        question=question, analysis=analysis, quantity=quantity, stratum=stratum, headsize=headsize,
        cohort=cohort, ci_level=settings.confidence, n_reference=n[0], n_generated=n[1], unit=unit,
        verdict="",
    )  # fmt: skip
    if no_effect is not None:
        table["p"] = two_sided_p(estimate - no_effect, se)
        table["q"] = benjamini_hochberg(table["p"].to_numpy())
        table["mde"] = (norm.ppf(1 - settings.alpha / 2) + norm.ppf(POWER)) * se
    for name, values in (("null", null), ("matched", matched)):
        if values is not None and len(values):
            table[[f"{name}_low", f"{name}_median", f"{name}_high"]] = column_quantiles(values, SPLITS).T
            table["n_null"] = n_null
    if margin is not None:
        _add_equivalence(table, estimate, se, centred_draws, margin, settings, no_effect or 0.0)
    bad = ~np.isfinite(estimate)
    table["status"] = np.where(bad | (undefined_share > MAX_UNDEFINED_SHARE), "failed", "ok")
    table["reason"] = np.where(bad, "undefined on these subjects", "")
    shaky = (undefined_share > MAX_UNDEFINED_SHARE) & ~bad
    table.loc[shaky, "reason"] = [
        f"undefined in {100 * share:.0f} % of resamples" for share in undefined_share[shaky]
    ]
    return table.reindex(columns=COLUMNS)


def _standard_error(draws: np.ndarray) -> np.ndarray:
    """Take the standard deviation of every column (B, s) over its finite values, (s,)."""
    finite = np.isfinite(draws)
    n = np.maximum(finite.sum(axis=0), 1)
    values = np.where(finite, draws, 0.0)
    mean = values.sum(axis=0) / n
    variance = (np.where(finite, values - mean, 0.0) ** 2).sum(axis=0) / n
    return np.where(finite.any(axis=0), np.sqrt(variance), np.nan)


def _add_equivalence(
    table: pd.DataFrame,
    estimate: np.ndarray,
    se: np.ndarray,
    draws: np.ndarray,
    margin: np.ndarray,
    settings: Settings,
    no_effect: float,
) -> None:
    edges = np.asarray(margin, dtype=float)
    low, high = (edges[:, 0], edges[:, 1]) if edges.ndim == 2 else (-edges, edges)
    table["margin_low"], table["margin_high"] = low, high
    with np.errstate(divide="ignore", invalid="ignore"):
        table["p_equivalence"] = np.maximum(norm.sf((estimate - low) / se), norm.sf((high - estimate) / se))
    inside = column_quantiles(draws, [settings.alpha, 1 - settings.alpha])
    same = (low <= inside[0]) & (inside[1] <= high)
    p = two_sided_p(estimate - no_effect, se)
    different = (holm(p) < settings.alpha) & ((estimate > high) | (estimate < low))
    table["pass_low"], table["pass_high"] = inside
    arm = norm.isf(settings.alpha / (2 * np.array(holm_divisors(p.tolist(), settings.alpha)))) * se
    table["fail_low"], table["fail_high"] = estimate - arm, estimate + arm
    verdict = np.where(same, "pass", np.where(different, "fail", "inconclusive"))
    table["verdict"] = np.where(np.isfinite(estimate) & np.isfinite(se), verdict, "")


def from_logarithm(table: pd.DataFrame) -> pd.DataFrame:
    """Turn a table of log ratios into ratios; tests and verdicts stay those of the logarithm."""
    columns = [
        "estimate",
        "ci_low",
        "ci_high",
        "null_low",
        "null_median",
        "null_high",
        "matched_low",
        "matched_median",
        "matched_high",
        "margin_low",
        "margin_high",
    ]
    columns += ["mde", "pass_low", "pass_high", "fail_low", "fail_high"]
    return table.assign(**{name: np.exp(table[name]) for name in columns})


def two_sided_p(difference: np.ndarray, se: np.ndarray) -> np.ndarray:
    """Return normal two-sided p values; an exact zero with no spread is p = 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(difference) / se
    return np.where((difference == 0) & (se == 0), 1.0, 2 * norm.sf(z))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return adjusted p values; missing ones stay missing."""
    q = np.full(len(p), np.nan)
    finite = np.isfinite(p)
    if finite.any():
        q[finite] = false_discovery_control(p[finite], method="bh")
    return q


def holm(p: np.ndarray) -> np.ndarray:
    """Return Holm's step-down adjusted p values; missing ones stay missing.

    Notes
    -----
    `statsmodels.stats.multitest.multipletests` gives the same numbers, but collects the garbage of the whole
    process at every call, which cost as much as the bootstrap of a table.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    p_adjusted = np.full(len(p), np.nan)
    finite = np.isfinite(p)
    order = np.argsort(p[finite])
    steps = np.maximum.accumulate(p[finite][order] * np.arange(len(order), 0, -1))
    p_adjusted[np.flatnonzero(finite)[order]] = np.minimum(steps, 1.0)
    return p_adjusted


def common_columns(pair: Pair, *, question: int, analysis: str) -> dict[str, Any]:
    """Return the arguments of `estimate_rows` that all rows of one analysis share."""
    settings = pair.frame.settings
    return {
        "question": question, "analysis": analysis, "settings": settings, "n": subjects_in(pair),
        "n_null": pair.frame.split_size,
    }  # fmt: skip


def subjects_in(pair: Pair) -> tuple[int, int]:
    """Return how many subjects (not rows) both cohorts have."""
    return len(pair.reference.arrays.clusters), len(pair.generated.arrays.clusters)


def evaluate_on(function: Callable[[Pair], np.ndarray], *pairs: Pair) -> list[np.ndarray]:
    """Return one quantity on several pairs: the first as (s,), the others as (B, s)."""
    first, *rest = pairs
    return [function(first)[0], *(function(pair) for pair in rest)]
