"""Association of errors with the geometric complexity of the cortex, region by region.

Complexity (fractal dimension, local gyrification) and the size of errors over parcels are compared by rank
correlation. Neighbouring and homologous parcels are alike in both, so that 68 parcels are no 68 observations.
The null permutes regions within their lobe, and in both hemispheres alike: what lobes have in
common, and what left and right have, stays in the null. It needs no surfaces, which spin tests do; parcels of
one lobe that are neighbours still count as exchangeable, so a small p value is a hint and no proof.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from plausibrain.analysis.decisions import holm_divisors
from plausibrain.analysis.difference_maps import interaction
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.pair import full_pair
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.lobes import lobe_of
from plausibrain.cohorts.schemas import COMPLEXITY
from plausibrain.cohorts.structures import region_of, structure

N_PERMUTATIONS = 9_999
LEAST_REGIONS = 8
MEASURES = ("fractal_dimension", "gyrification")
#: Quantity of the results -> what its size is called here.
ERRORS: Mapping[str, str] = {
    "adjusted_d": "size of the difference of volumes",
    "group_by_age": "size of the error of the age effect",
    "group_by_sex": "size of the error of the sex effect",
}


def complexity_table(
    results: pd.DataFrame, geometry: pd.DataFrame, *, headsize: str, settings: Settings | None = None
) -> pd.DataFrame:
    """Return the association of every measure of complexity with every error, and a verdict on each.

    Parameters
    ----------
    results : DataFrame
        Results of a run.
    geometry : DataFrame
        Columns of `plausibrain.cohorts.schemas.GEOMETRY`, one row per parcel.
    headsize : str
        Head-size convention of the rows to take; `none` where a quantity has no such row.
    settings : Settings, optional
        Seed of the permutations, alpha, and the margin of the correlation.

    Returns
    -------
    DataFrame
        Columns of `plausibrain.cohorts.schemas.COMPLEXITY`.

    Notes
    -----
    *Fail*: the correlation lies beyond the margin and the permutation test rejects at alpha after Holm's
    correction over all rows. *Pass*: the 1 - 2 alpha interval lies within the margin. The interval is
    that of Fisher's transformation with the variance of Bonett and Wright (2000) for ranks; the two
    hemispheres count as one observation of a region.
    """
    settings = settings or Settings()
    measures = geometry.set_index("structure")
    rows = []
    for quantity, label in ERRORS.items():
        errors = _errors(results, quantity, headsize)
        for measure in MEASURES:
            both = pd.concat([measures[measure], errors.rename("error")], axis=1, join="inner").dropna()
            rows.append(
                {"measure": measure, "error": quantity, "label": label}
                | _association(both, measure, settings)
            )
    table = pd.DataFrame(rows).assign(margin=settings.rules.complexity_margin)
    return _with_verdicts(table, settings.alpha)[[column.name for column in COMPLEXITY.columns]]


def complexity_of_pair(
    reference: Cohort, generated: Cohort, geometry: pd.DataFrame, settings: Settings
) -> pd.DataFrame:
    """Return the table that a run of these cohorts would have, without its intervals of single parcels.

    What simulations of the benchmark itself call hundreds of times; see `complexity_table` for the columns.

    Parameters
    ----------
    reference, generated : Cohort
        With the volumes of cortical parcels.
    geometry : DataFrame
        Columns of `plausibrain.cohorts.schemas.GEOMETRY`.
    settings : Settings
    """
    samples = prepare_samples(reference, generated, min_subjects=settings.min_subjects, rules=settings.rules)
    frame, headsize = build_frame(samples, settings), settings.headsize
    pair, names = full_pair(frame), frame.names(headsize)
    maps = {
        "adjusted_d": pair.difference(headsize),
        "group_by_age": interaction(pair, headsize, "age"),
        "group_by_sex": interaction(pair, headsize, "sex"),
    }
    parts = [
        pd.DataFrame({"structure": names, "estimate": values[0][: len(names)]}).assign(quantity=quantity)
        for quantity, values in maps.items()
    ]
    results = pd.concat(parts, ignore_index=True).assign(
        stratum="all", cohort="difference", headsize=headsize
    )
    return complexity_table(results, geometry, headsize=headsize, settings=settings)


def errors_by_parcel(results: pd.DataFrame, headsize: str) -> pd.DataFrame:
    """Return the size of every error, one row per cortical parcel and one column per quantity of `ERRORS`."""
    columns = {quantity: _errors(results, quantity, headsize) for quantity in ERRORS}
    table = pd.DataFrame(columns)
    return table[[lobe_of(str(name)) != "" for name in table.index]]


def _errors(results: pd.DataFrame, quantity: str, headsize: str) -> pd.Series:
    rows = results[(results["quantity"] == quantity) & (results["stratum"] == "all")]
    rows = rows[(rows["cohort"] == "difference") & (rows["structure"] != "")]
    matches = rows[rows["headsize"] == headsize]
    matches = rows[rows["headsize"] == "none"] if matches.empty else matches
    return matches.set_index("structure")["estimate"].astype(float).abs()


def _association(both: pd.DataFrame, measure: str, settings: Settings) -> dict[str, Any]:
    """Return rank correlation, intervals and p value over the regions that both hemispheres have."""
    pairs = _paired(both)
    nothing: dict[str, Any] = dict.fromkeys(
        ("rho", "ci_low", "ci_high", "pass_low", "pass_high", "p"), np.nan
    )
    nothing |= {"n_parcels": len(pairs)}
    if len(pairs) < 2 * LEAST_REGIONS:
        why = f"{len(pairs)} cortical parcels in both hemispheres, at least {2 * LEAST_REGIONS} are needed"
        return nothing | {"reason": why}
    x, y = pairs[measure].to_numpy(dtype=float), pairs["error"].to_numpy(dtype=float)
    lobes = np.array([lobe_of(name) for name in pairs.index[: len(pairs) // 2]])
    result = permuted_correlation(x, y, lobes, seed=settings.seed)
    if not np.isfinite(result["rho"]):
        return nothing | {"reason": "all parcels have the same error or the same complexity"}
    bounds = rank_interval(result["rho"], len(lobes), settings.confidence)
    inner = rank_interval(result["rho"], len(lobes), 1 - 2 * settings.alpha)
    ends = dict(zip(("ci_low", "ci_high", "pass_low", "pass_high"), (*bounds, *inner), strict=True))
    return nothing | result | ends | {"reason": ""}


def rank_interval(rho: float, n: int, level: float) -> tuple[float, float]:
    """Return the confidence interval of a rank correlation of n observations.

    References
    ----------
    Bonett and Wright 2000 (key Bonett2000), equation 7: the variance of Fisher's z is (1 + rho²/2) / (n - 3).

    Examples
    --------
    >>> [round(end, 2) for end in rank_interval(0.0, 34, 0.95)]
    [-0.34, 0.34]
    """
    arm = float(norm.ppf((1 + level) / 2) * np.sqrt((1 + rho**2 / 2) / (n - 3)))
    z = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    return float(np.tanh(z - arm)), float(np.tanh(z + arm))


def _with_verdicts(table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    measured = table["rho"].notna()
    beyond = table["rho"].abs() > table["margin"]
    p = table["p"].where(beyond, 1.0).where(measured)
    divisors = holm_divisors(p.astype(float).tolist(), alpha)
    within = (table["pass_low"] >= -table["margin"]) & (table["pass_high"] <= table["margin"])
    fails = p.to_numpy(dtype=float) <= alpha / np.asarray(divisors, dtype=float)
    words = np.where(fails, "fail", np.where(within, "pass", "inconclusive"))
    return table.assign(verdict=np.where(measured, words, "not measured"))


def _paired(both: pd.DataFrame) -> pd.DataFrame:
    """Return the parcels of regions that both sides have: all of the left, then all of the right."""
    sides: dict[str, dict[str, str]] = {"left": {}, "right": {}}
    for name in map(str, both.index):
        if lobe_of(name):
            sides[structure(name).hemisphere][region_of(name)] = name
    regions = sorted(set(sides["left"]) & set(sides["right"]))
    return both.loc[[sides[side][region] for side in ("left", "right") for region in regions]]


def permuted_correlation(
    x: np.ndarray, y: np.ndarray, lobes: np.ndarray, *, seed: int = 0, n: int = N_PERMUTATIONS
) -> dict[str, float]:
    """Return Spearman's correlation and its two-sided p value by permutation within lobes.

    Parameters
    ----------
    x, y : ndarray, (2r,)
        All regions of the left hemisphere, then the same of the right.
    lobes : ndarray of str, (r,)
        Lobe of every region.
    seed, n : int

    Returns
    -------
    dict
        ``rho`` and ``p``.
    """
    rng = np.random.default_rng(seed)
    order = np.tile(np.arange(len(lobes)), (n, 1))
    for lobe in np.unique(lobes):
        at = np.flatnonzero(lobes == lobe)
        order[:, at] = rng.permuted(np.tile(at, (n, 1)), axis=1)
    u, v = (ranks - ranks.mean() for ranks in (rankdata(x), rankdata(y)))
    scale = np.sqrt((u @ u) * (v @ v))
    if scale == 0:
        return {"rho": np.nan, "p": np.nan}
    both_sides = np.hstack([order, order + len(lobes)])
    rho, null = float(u @ v / scale), (u[both_sides] @ v) / scale
    # Ties between the observed and a permuted value differ in the last digits.
    p = (1 + np.sum(np.abs(null) >= abs(rho) - 1e-12)) / (1 + n)
    return {"rho": rho, "p": float(p)}
