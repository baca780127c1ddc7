"""Verdicts on a sweep: whether a request arrives, inside and beyond the reference, and whether it leaks.

A strip is one subject with one noise while one condition varies. Strips are the observations: each gives a
slope of measured on requested, and a change of every other measure over the range of the reference. Their
mean has an interval from Student's t over strips. The verdict follows the rule of the scorecard: *fail*
when the mean lies beyond the margin and differs from its ideal at alpha after Holm's correction, *pass*
when the 1 - 2 alpha interval lies within the margin. A range in which no strip has two images is *not
measured*.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from plausibrain.analysis.decisions import holm_divisors
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.schemas import SWEEP_VERDICTS

LEAST_STRIPS = 3
#: Standard deviations between adults of the same age and sex, in percent of the mean, rounded; the norms of
#: the simulator (generation/data/norms.tsv) have 9, 9.5 and 50.
SPREAD_PERCENT: Mapping[str, float] = MappingProxyType({"brain": 10.0, "tiv": 10.0, "ventricle": 50.0})
#: Condition -> measures that follow it in subjects, for which a change is no leak.
FOLLOWS: Mapping[str, frozenset[str]] = MappingProxyType({"age": frozenset(("brain", "ventricle"))})


def sweep_verdicts(
    rows: pd.DataFrame, *, condition: str, own: str, others: Mapping[str, str], settings: Settings
) -> pd.DataFrame:
    """Return a row per statement about a sweep.

    Parameters
    ----------
    rows : DataFrame
        One row per image: ``subject``, ``requested``, ``inside_reference``, and measures.
    condition : str
        What was varied, for example ``"age"``.
    own : str
        Column that answers the request; may be missing from `rows`.
    others : mapping of str to str
        Column -> ``brain``, ``ventricle`` or ``tiv``.
    settings : Settings
        Its margins and alpha.

    Returns
    -------
    DataFrame
        Columns of `plausibrain.cohorts.schemas.SWEEP_VERDICTS`.
    """
    inside = rows[rows["inside_reference"]]
    parts = {"inside the reference": inside, "outside the reference": rows[~rows["inside_reference"]]}
    wide = (1 - settings.conditioning_margin, 1 + settings.conditioning_margin)
    statements = []
    for where, part in parts.items():
        if own in rows and len(part):
            slopes = _by_strip(part, own, _slope)
            statements.append(
                _statement("slope", where, slopes, 1.0, wide, "measured per requested", settings)
            )
    for column, kind in others.items():
        changes = _by_strip(inside, column, _percent_change)
        edge = settings.margin * SPREAD_PERCENT[kind]
        row = _statement(
            f"leak into {kind}", "inside the reference", changes, 0.0, (-edge, edge), "%", settings
        )
        if kind in FOLLOWS.get(condition, frozenset()):
            why = f"{kind} volume follows {condition} in subjects"
            row |= {"verdict": "not judged", "p": np.nan, "reason": why}
        statements.append(row)
    return _with_verdicts(statements, settings.alpha)


def _by_strip(
    rows: pd.DataFrame, column: str, function: Callable[[np.ndarray, np.ndarray], float]
) -> np.ndarray:
    values = []
    for _, strip in rows.dropna(subset=[column]).groupby("subject"):
        x, y = strip["requested"].to_numpy(dtype=float), strip[column].to_numpy(dtype=float)
        if len(x) >= 2 and np.ptp(x) > 0:
            values.append(function(x, y))
    return np.array(values)


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.polyfit(x, y, 1)[0])


def _percent_change(x: np.ndarray, y: np.ndarray) -> float:
    return 100 * _slope(x, y) * float(np.ptp(x)) / float(y.mean())


def _statement(
    quantity: str, where: str, values: np.ndarray, ideal: float, margin: tuple[float, float], unit: str,
    settings: Settings,
) -> dict[str, Any]:  # fmt: skip
    n = len(values)
    row: dict[str, Any] = {
        "quantity": quantity, "range": where, "unit": unit, "n_strips": n, "margin_low": margin[0],
        "margin_high": margin[1], "estimate": float(values.mean()) if n else np.nan, "ci_low": np.nan,
        "ci_high": np.nan, "pass_low": np.nan, "pass_high": np.nan, "p": np.nan, "verdict": "", "reason": "",
    }  # fmt: skip
    if n == 0:
        return row | {"verdict": "not measured", "reason": f"no strip has two images {where}"}
    if n < LEAST_STRIPS:
        strips = "1 strip" if n == 1 else f"{n} strips"
        return row | {"verdict": "inconclusive", "reason": f"{strips}, at least {LEAST_STRIPS} are needed"}
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(n))
    levels = (("ci_low", "ci_high", settings.confidence), ("pass_low", "pass_high", 1 - 2 * settings.alpha))
    for low, high, level in levels:
        arm = float(student.ppf((1 + level) / 2, n - 1)) * error
        row |= {low: mean - arm, high: mean + arm}
    beyond = not margin[0] <= mean <= margin[1]
    distance = abs(mean - ideal)
    p = float(2 * student.sf(distance / error, n - 1)) if error > 0 else float(distance == 0)
    return row | {"p": p if beyond else 1.0}


def _with_verdicts(statements: list[dict[str, Any]], alpha: float) -> pd.DataFrame:
    table = pd.DataFrame(statements)
    if table.empty:
        return pd.DataFrame(columns=[column.name for column in SWEEP_VERDICTS.columns])
    divisors = holm_divisors(table["p"].astype(float).tolist(), alpha)
    within = (table["pass_low"] >= table["margin_low"]) & (table["pass_high"] <= table["margin_high"])
    fails = table["p"].to_numpy(dtype=float) <= alpha / np.asarray(divisors, dtype=float)
    verdicts = np.where(fails, "fail", np.where(within, "pass", "inconclusive"))
    table["verdict"] = np.where(table["verdict"] == "", verdicts, table["verdict"])
    return table[[column.name for column in SWEEP_VERDICTS.columns]]
