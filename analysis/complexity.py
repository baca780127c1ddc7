"""Association of errors with the geometric complexity of the cortex, region by region.

Complexity (fractal dimension, local gyrification) and the size of errors over parcels are compared by rank
correlation. Neighbouring and homologous parcels are alike in both, so that 68 parcels are no 68 observations.
The null permutes regions within their lobe, and in both hemispheres alike: what lobes have in
common, and what left and right have, stays in the null. It needs no surfaces, which spin tests do; parcels of
one lobe that are neighbours still count as exchangeable, so a small p value is a hint and no proof.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from plausibrain.cohorts.lobes import lobe_of
from plausibrain.cohorts.schemas import COMPLEXITY
from plausibrain.cohorts.structures import region_of, structure

N_PERMUTATIONS = 9_999
MEASURES = ("fractal_dimension", "gyrification")
#: Quantity of the results -> what its size is called here.
ERRORS: Mapping[str, str] = {
    "adjusted_d": "size of the difference of volumes",
    "group_by_age": "size of the error of the age effect",
    "group_by_sex": "size of the error of the sex effect",
}


def complexity_table(
    results: pd.DataFrame, geometry: pd.DataFrame, *, headsize: str, seed: int = 0
) -> pd.DataFrame:
    """Return the association of every measure of complexity with every error.

    Parameters
    ----------
    results : DataFrame
        Results of a run.
    geometry : DataFrame
        Columns of `plausibrain.cohorts.schemas.GEOMETRY`, one row per parcel.
    headsize : str
        Head-size convention of the rows to take; `none` where a quantity has no such row.
    seed : int

    Returns
    -------
    DataFrame
        Columns of `plausibrain.cohorts.schemas.COMPLEXITY`.
    """
    measures = geometry.set_index("structure")
    rows = []
    for quantity, label in ERRORS.items():
        errors = _errors(results, quantity, headsize)
        for measure in MEASURES:
            both = pd.concat([measures[measure], errors.rename("error")], axis=1, join="inner").dropna()
            rows.append(
                {"measure": measure, "error": quantity, "label": label} | _association(both, measure, seed)
            )
    return pd.DataFrame(rows)[[column.name for column in COMPLEXITY.columns]]


def _errors(results: pd.DataFrame, quantity: str, headsize: str) -> pd.Series:
    rows = results[(results["quantity"] == quantity) & (results["stratum"] == "all")]
    rows = rows[rows["cohort"] == "difference"]
    matches = rows[rows["headsize"] == headsize]
    matches = rows[rows["headsize"] == "none"] if matches.empty else matches
    return matches.set_index("structure")["estimate"].abs()


def _association(both: pd.DataFrame, measure: str, seed: int) -> dict[str, float]:
    """Return rank correlation and p value over the regions that both hemispheres have."""
    pairs = _paired(both)
    if len(pairs) < 2 * 4:
        return {"n_parcels": len(pairs), "rho": np.nan, "p": np.nan}
    x, y = pairs[measure].to_numpy(dtype=float), pairs["error"].to_numpy(dtype=float)
    regions = [region_of(name) for name in pairs.index[: len(pairs) // 2]]
    lobes = np.array([lobe_of(name) for name in pairs.index[: len(pairs) // 2]])
    return {"n_parcels": len(regions) * 2} | permuted_correlation(x, y, lobes, seed=seed)


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
