"""Rows of an effect in both cohorts and of the difference, and the agreement of its two maps."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd

from plausibrain.analysis.agreement import concordance, deming_slope, sign_agreement
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import ROLES, Pair, Role
from plausibrain.analysis.results import estimate_rows, evaluate_on
from plausibrain.analysis.settings import HeadSize
from plausibrain.analysis.withheld_ageing import judged_structures

Agreement = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _deming(r: np.ndarray, g: np.ndarray, se_r: np.ndarray, se_g: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return deming_slope(r, g, se_g / se_r)


STATISTICS: dict[str, tuple[Agreement, str, float | None]] = {
    "deming_slope": (_deming, "slope", 1.0),
    "concordance": (lambda r, g, se_r, se_g: concordance(r, g), "coefficient", None),
    "sign_agreement": (lambda r, g, se_r, se_g: sign_agreement(r, g), "share", None),
}


def both_and_difference(
    pairs: Pairs,
    function: Callable[[Role, Pair], np.ndarray],
    common: dict[str, Any],
    *,
    quantity: str,
    unit: str,
    structures: Sequence[str] | None = None,
    headsize: HeadSize = "none",
) -> list[pd.DataFrame]:
    """Return rows of a quantity in the reference, in the generated cohort and of the difference.

    Parameters
    ----------
    function : callable
        `f(role, pair) -> (B, s or more)`; columns beyond the structures are dropped.
    common : dict
        As from `plausibrain.analysis.results.common_columns`.
    structures : sequence of str, optional
        Names of the columns; by default those that the head-size convention allows.
    """
    names = pairs.full.frame.names(headsize) if structures is None else structures
    values: dict[str, list[np.ndarray]] = {
        role: [
            v[..., : len(names)]
            for v in evaluate_on(partial(function, role), pairs.full, pairs.bootstrap, pairs.null)
        ]
        for role in ROLES
    }
    with np.errstate(invalid="ignore"):  # a slope that is undefined on both sides has no difference
        gaps = [g - r for r, g in zip(*values.values(), strict=True)]
    tables = []
    for cohort, (estimate, draws, null) in {**values, "difference": gaps}.items():
        tables.append(
            estimate_rows(
                **common, quantity=quantity, structures=names, estimate=estimate, draws=draws, unit=unit,
                cohort=cohort, headsize=headsize, null=null if cohort == "difference" else None,
            )
        )  # fmt: skip
    return tables


def agreement_rows(
    pairs: Pairs, effect: Literal["age", "sex"], headsize: HeadSize, common: dict[str, Any]
) -> pd.DataFrame:
    """Return Deming slope, concordance and sign agreement of generated against reference effects.

    The Deming slope takes the ratio of the mean squared standard errors of both maps as its ratio of error
    variances.
    """
    weightings = (pairs.full, pairs.bootstrap, pairs.null, pairs.matched)
    maps = [_maps(pair, effect, headsize) for pair in weightings]
    tables = []
    for quantity, (function, unit, no_effect) in STATISTICS.items():
        estimate, draws, null, matched = (function(*m)[:, None] for m in maps)
        tables.append(
            estimate_rows(
                **common, quantity=f"{effect}_{quantity}", structures=[""], estimate=estimate[0], draws=draws,
                null=null, matched=matched, unit=unit, headsize=headsize,
                no_effect=no_effect,
            )
        )  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def _maps(
    pair: Pair, effect: Literal["age", "sex"], headsize: HeadSize
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    structures = pair.frame.structures
    mask = judged_structures(pair.frame) if effect == "age" else np.ones(len(structures), dtype=bool)
    s = np.flatnonzero(mask)
    reference, se_reference = pair.effect("reference", effect, headsize)
    generated, se_generated = pair.effect("generated", effect, headsize)
    return (
        reference[:, s],
        generated[:, s],
        se_reference[:, s].mean(axis=1),
        se_generated[:, s].mean(axis=1),
    )
