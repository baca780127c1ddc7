"""Which structures moved from one run to another: their adjusted differences from real subjects, compared.

The tables hold an estimate and an interval per structure but no draws, so the standard error of the change
is approximate. What both runs owe to the same reference subjects is taken out by its share of the sampling
variance, 1/n_reference of 1/n_reference + 1/n_generated; what generated subjects of the same ids have in
common, by the correlation of their volumes between the runs.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm

from plausibrain.reports.baseline_snapshot import Headline
from plausibrain.reports.compare.pairing import paired_correlations
from plausibrain.reports.compare.statistics import Joint, loss_interval
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results
from plausibrain.reports.structure_names import structure_label

QUESTION = 2
QUANTITIES = ("adjusted_d", "hedges_g", "cohens_d")
LEVEL = 0.95
PREFIX = "structure:"


def structure_headlines(run: Run) -> list[Headline]:
    """Return the adjusted difference of every structure of a run in the form of a headline.

    Parameters
    ----------
    run : Run

    Returns
    -------
    list of Headline
        Named ``structure:NAME``; the ideal is 0, the margin the structure's own.
    """
    return [
        Headline(
            name=f"{PREFIX}{row.structure}",
            label=structure_label(str(row.structure)),
            unit=str(row.unit),
            better="closer",
            ideal=0.0,
            estimate=row.estimate,
            ci_low=row.ci_low,
            ci_high=row.ci_high,
            ci_level=row.ci_level,
            margin_low=row.margin_low,
            margin_high=row.margin_high,
            n_reference=row.n_reference,
            n_generated=row.n_generated,
            verdict=str(row.verdict),
        )
        for row in adjusted_differences(run).itertuples()
    ]


def join_structure(
    first: Headline, second: Headline, *, shared_reference: bool, correlation: float = 0.0
) -> Joint:
    """Put the adjusted difference of one structure in two runs side by side.

    Parameters
    ----------
    first, second : Headline
        From :func:`structure_headlines`.
    shared_reference : bool
        Whether both were held against the same reference subjects.
    correlation : float
        Of the same generated subjects in both runs; 0 where they are not the same.

    Returns
    -------
    Joint
        Approximate standard errors, as the module's text says.

    Notes
    -----
    With a shared reference the ideal is that reference itself: both runs are held against the same subjects,
    so their sampling error is no excuse for one of them. It counts when the references differ.
    """
    shares = [
        _generated_share(headline.n_reference, headline.n_generated) if shared_reference else 1.0
        for headline in (first, second)
    ]
    a, b = first.standard_error * math.sqrt(shares[0]), second.standard_error * math.sqrt(shares[1])
    covariance = correlation * a * b
    difference = math.sqrt(max(a**2 + b**2 - 2 * covariance, 0.0))
    total = math.sqrt(max(a**2 + b**2 + 2 * covariance, 0.0))
    return Joint(first.estimate, second.estimate, a, b, difference, total, from_draws=False)


def moved_structures(
    first: Run,
    second: Run,
    *,
    shared_reference: bool,
    shared_generated: bool = False,
    differences: tuple[pd.DataFrame, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Compare the adjusted difference of every structure between two runs.

    Parameters
    ----------
    first, second : Run
        Runs of one protocol.
    shared_reference : bool
        Whether both were held against the same reference subjects.
    shared_generated : bool
        Whether the generated subjects have the same ids (paired).
    differences : pair of DataFrame, optional
        What `adjusted_differences` returns of both, where many pairs of runs are compared.

    Returns
    -------
    DataFrame
        One row per structure that both have: ``structure``, ``d_first``, ``d_second``, ``difference`` (second
        minus first, SD), ``ci_low``, ``ci_high`` (95 %), ``p``, ``q`` (Benjamini–Hochberg over structures),
        ``nearer`` (1 or 2, the run resolved to be nearer zero, or 0) and ``correlation`` (of the same
        subjects in both runs, 0 where they are not the same), largest change first. Empty when a run has
        none.
    """
    tables = [
        table.assign(variance=generated_variance(table, shared_reference=shared_reference))
        for table in differences or (adjusted_differences(first), adjusted_differences(second))
    ]
    both = tables[0].merge(tables[1], on="structure", suffixes=("_first", "_second"))
    both = both[np.isfinite(both.variance_first + both.variance_second)]
    alike = paired_correlations(first, second) if shared_generated and shared_reference else {}
    return _moved(both.assign(correlation=[alike.get(str(name), 0.0) for name in both.structure]))


def generated_variance(table: pd.DataFrame, *, shared_reference: bool) -> NDArray[np.float64]:
    """Return the sampling variance of each estimate that the reference does not cause.

    Parameters
    ----------
    table : DataFrame
        Rows of ``results.tsv``.
    shared_reference : bool
        False returns the whole variance.

    Returns
    -------
    array, (rows,)
        Variance from the width of the interval, times 1/n_generated over 1/n_reference + 1/n_generated when
        the reference is shared. That is the split for a difference of means over a fixed SD; the small part
        that comes from estimating the SD is split alike.
    """
    width = (table.ci_high - table.ci_low).to_numpy(dtype=np.float64)
    level = table.ci_level.to_numpy(dtype=np.float64)
    variance = (width / (2 * norm.ppf(0.5 + level / 2))) ** 2
    if not shared_reference:
        return np.asarray(variance)
    n_reference, n_generated = (
        table[column].to_numpy(dtype=np.float64) for column in ("n_reference", "n_generated")
    )
    return np.asarray(variance * _generated_share(n_reference, n_generated))


def _generated_share(n_reference: Any, n_generated: Any) -> Any:
    """Part of the variance of a difference of means that the generated cohort causes."""
    return n_reference / (n_reference + n_generated)


def adjusted_differences(run: Run) -> pd.DataFrame:
    """Return the rows of the results that hold the adjusted difference of each structure."""
    rows = select_results(run, question=QUESTION, quantities=QUANTITIES, cohort="difference")
    return rows.drop_duplicates("structure")


def _moved(both: pd.DataFrame) -> pd.DataFrame:
    d_first, d_second = both.estimate_first.to_numpy(), both.estimate_second.to_numpy()
    change, error = d_second - d_first, _error_of_change(both)
    z = np.divide(np.abs(change), error, out=np.where(change == 0, 0.0, np.inf), where=error > 0)
    p = 2 * norm.sf(z)
    half = norm.ppf(0.5 + LEVEL / 2) * error
    q = false_discovery_control(p) if len(p) else p
    nearer = np.where(q < 1 - LEVEL, _nearer(both), 0)
    table = pd.DataFrame(
        {
            "structure": both.structure.to_numpy(),
            "d_first": d_first,
            "d_second": d_second,
            "difference": change,
            "ci_low": change - half,
            "ci_high": change + half,
            "p": p,
            "q": q,
            "nearer": nearer,
            "correlation": both.correlation.to_numpy(),
        }
    )
    return table.iloc[np.argsort(-np.abs(change), kind="stable")].reset_index(drop=True)


def _nearer(both: pd.DataFrame) -> NDArray[np.int64]:
    """Return which run is nearer zero, 1 or 2; 0 where both may be equally far, on either side of it."""
    first, second = np.sqrt(both.variance_first), np.sqrt(both.variance_second)
    covariance = both.correlation * first * second
    total = np.sqrt(np.maximum(first**2 + second**2 + 2 * covariance, 0.0))
    columns = (both.estimate_first, both.estimate_second, first, second, _error_of_change(both), total)
    tail, places = (1 - LEVEL) / 2, []
    for d_first, d_second, se_first, se_second, se_change, se_sum in zip(*columns, strict=True):
        joint = Joint(d_first, d_second, se_first, se_second, se_change, se_sum, from_draws=False)
        worse = loss_interval(joint, better="closer", ideal=0.0, alpha_low=tail, alpha_high=tail)
        places.append(1 if worse.low > 0 else 2 if worse.high < 0 else 0)
    return np.array(places, dtype=np.int64)


def _error_of_change(both: pd.DataFrame) -> NDArray[np.float64]:
    first, second = both.variance_first.to_numpy(), both.variance_second.to_numpy()
    variance = first + second - 2 * both.correlation.to_numpy() * np.sqrt(first * second)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))
