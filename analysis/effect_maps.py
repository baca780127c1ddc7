"""Agreement of two maps of effects over structures, with intervals."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

from analysis.agreement import concordance, deming_slope, sign_agreement
from analysis.evaluate import Pairs
from analysis.pair import Pair
from analysis.results import estimate_rows, evaluate_on
from analysis.settings import HeadSize

Agreement = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]

STATISTICS: dict[str, tuple[Agreement, str, float | None]] = {
    "deming_slope": (lambda r, g, se_r, se_g: deming_slope(r, g, se_g / se_r), "slope", 1.0),
    "concordance": (lambda r, g, se_r, se_g: concordance(r, g), "coefficient", None),
    "sign_agreement": (lambda r, g, se_r, se_g: sign_agreement(r, g), "share", None),
}


def agreement_rows(
    pairs: Pairs, effect: Literal["age", "sex"], headsize: HeadSize, common: dict[str, object]
) -> pd.DataFrame:
    """Return Deming slope, concordance and sign agreement of generated against reference effects.

    The Deming slope takes the ratio of the mean squared standard errors of both maps as its ratio of error
    variances.
    """
    tables = []
    for quantity, (function, unit, no_effect) in STATISTICS.items():

        def value(pair: Pair, f: Agreement = function) -> np.ndarray:
            return f(*_maps(pair, effect, headsize))[:, None]

        estimate, draws, null = evaluate_on(value, pairs.full, pairs.bootstrap, pairs.null)
        tables.append(
            estimate_rows(
                **common,
                quantity=f"{effect}_{quantity}",
                structures=[""],
                estimate=estimate,
                draws=draws,
                null=null,
                unit=unit,
                headsize=headsize,
                no_effect=no_effect,
            )  # fmt: skip  # type: ignore[arg-type]
        )
    return pd.concat(tables, ignore_index=True)


def _maps(
    pair: Pair, effect: Literal["age", "sex"], headsize: HeadSize
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    s = len(pair.frame.structures)
    reference, se_reference = pair.effect("reference", effect, headsize)
    generated, se_generated = pair.effect("generated", effect, headsize)
    return (
        reference[:, :s],
        generated[:, :s],
        se_reference[:, :s].mean(axis=1),
        se_generated[:, :s].mean(axis=1),
    )
