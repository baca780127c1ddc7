"""Question 2: the difference of every structure, under every head-size convention and as published.

Signs are generated minus reference throughout.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.regression import fit, with_group
from plausibrain.analysis.results import ESTIMATES, common_columns, estimate_rows, evaluate_on
from plausibrain.analysis.settings import HeadSize


@ESTIMATES.register(
    label="Differences of volumes", unit="SD", source=("Hedges1981", "Wu2024", "Schuirmann1987")
)
def size(pairs: Pairs) -> pd.DataFrame:
    """Return adjusted, raw and published differences of every structure."""
    conventions = [c for c in pairs.full.frame.conventions if c != "pooled_residual"]
    tables = [_adjusted(pairs, convention) for convention in conventions]
    tables.append(_rows(pairs, "hedges_g", hedges_g, "none"))
    tables.append(_rows(pairs, "cohens_d", _published, "none"))
    if pairs.full.frame.has_tiv:
        tables.append(_rows(pairs, "cohens_d", _published_residual, "pooled_residual"))
    return pd.concat(tables, ignore_index=True)


def _adjusted(pairs: Pairs, convention: HeadSize) -> pd.DataFrame:
    return _rows(pairs, "adjusted_d", lambda pair: pair.difference(convention), convention)


def _rows(
    pairs: Pairs, quantity: str, function: Callable[[Pair], np.ndarray], headsize: HeadSize
) -> pd.DataFrame:
    settings, names = pairs.full.frame.settings, pairs.full.frame.names(headsize)
    values = evaluate_on(function, pairs.full, pairs.bootstrap, pairs.null)
    estimate, draws, null = (v[..., : len(names)] for v in values)
    return estimate_rows(
        **common_columns(pairs.full, question=2, analysis="size"), quantity=quantity, structures=names,
        estimate=estimate, draws=draws, null=null, unit="SD", headsize=headsize,
        margin=np.array([settings.margin_of(name) for name in names]),
    )  # fmt: skip


def hedges_g(pair: Pair) -> np.ndarray:
    """Return Hedges' g, raw: Cohen's d with pooled SD (n - 2) times the small-sample correction, (B, s).

    References
    ----------
    Hedges 1981, equations 4 and 6 (key Hedges1981); J = 1 - 3 / (4 df - 1).
    """
    fitted = fit(with_group(pair.reference.moments.select([0]), pair.generated.moments.select([0])))
    freedom = (pair.reference.moments.n + pair.generated.moments.n - 2)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return fitted.beta[:, 1] / np.sqrt(fitted.variance) * (1 - 3 / (4 * freedom - 1))


def _published(pair: Pair) -> np.ndarray:
    return pair.published_difference(residual=False)


def _published_residual(pair: Pair) -> np.ndarray:
    return pair.published_difference(residual=True)
