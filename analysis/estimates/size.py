"""Question 2: the difference of every structure, under every head-size convention and as published.

Signs are generated minus reference throughout.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.published_size import (
    bilateral_difference,
    bilateral_names,
    mean_absolute,
    share_small,
)
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.regression import fit, with_group
from plausibrain.analysis.results import common_columns, estimate_rows, evaluate_on
from plausibrain.analysis.settings import HeadSize

#: What papers say of all structures in one number, and its unit.
SUMMARIES = {"share_small": (share_small, "share"), "mean": (mean_absolute, "SD")}


@ESTIMATES.register(
    label="Differences of volumes",
    unit="SD",
    source=("Hedges1981", "Wu2024", "Schuirmann1987"),
    quantities={
        "adjusted_d": Quantity(
            "Adjusted difference",
            "Differences of volumes are adjusted for age (restricted cubic spline with knots "
            "set by the reference [@Harrell2015]) and sex as far as these vary, and given in "
            "standard deviations of comparable subjects of the reference.",
        ),
        "hedges_g": Quantity(
            "Hedges’ g, raw",
            "Hedges’ g [@Hedges1981] is given unadjusted beside them.",
        ),
        "cohens_d": Quantity(
            "Cohen’s d, published formula, per hemisphere",
            "Cohen’s d is also given as in the procedure published for brain generators [@Wu2024].",
        ),
        "cohens_d_share_small": Quantity("Structures with |d| < 0.2, published formula, per hemisphere"),
        "cohens_d_mean": Quantity("Mean |d|, published formula, per hemisphere"),
        "cohens_d_bilateral": Quantity("Cohen’s d as published, both sides averaged"),
        "cohens_d_bilateral_share_small": Quantity(
            "Regions with |d| < 0.2 as published, both sides averaged"
        ),
        "cohens_d_bilateral_mean": Quantity("Mean |d| as published, both sides averaged"),
    },
)
def size(pairs: Pairs) -> pd.DataFrame:
    """Return adjusted, raw and published differences of every structure."""
    conventions = [c for c in pairs.full.frame.conventions if c != "pooled_residual"]
    tables = [_adjusted(pairs, convention) for convention in conventions]
    tables.append(_rows(pairs, "hedges_g", hedges_g, "none"))
    for residual in (False, True)[: 1 + pairs.full.frame.has_tiv]:
        tables += _as_published(pairs, residual=residual)
    return pd.concat(tables, ignore_index=True)


def _as_published(pairs: Pairs, *, residual: bool) -> list[pd.DataFrame]:
    """Cohen's d per hemisphere and of both sides together, and what papers say of either in one number."""
    headsize: HeadSize = "pooled_residual" if residual else "none"
    names = pairs.full.frame.names(headsize)
    functions: dict[str, tuple[Callable[[Pair], np.ndarray], tuple[str, ...]]] = {
        "cohens_d": (lambda pair: pair.published_difference(residual=residual)[:, : len(names)], names),
        "cohens_d_bilateral": (
            partial(bilateral_difference, residual=residual), bilateral_names(pairs.full.frame)
        ),
    }  # fmt: skip
    tables = []
    for quantity, (function, structures) in functions.items():
        tables.append(_rows(pairs, quantity, function, headsize, structures))
        tables += [_summary(pairs, quantity, function, headsize, of) for of in SUMMARIES]
    return tables


def _summary(
    pairs: Pairs, quantity: str, function: Callable[[Pair], np.ndarray], headsize: HeadSize, of: str
) -> pd.DataFrame:
    """One number over structures; chance enlarges differences, so it stands at the n of the halves too."""
    s = len(pairs.full.frame.structures)
    reduce, unit = SUMMARIES[of]

    def value(pair: Pair) -> np.ndarray:
        return reduce(function(pair)[:, :s])[:, None]

    weightings = (pairs.full, pairs.bootstrap, pairs.null, pairs.matched)
    estimate, draws, null, matched = evaluate_on(value, *weightings)
    return estimate_rows(
        **common_columns(pairs.full, question=2, analysis="size"), quantity=f"{quantity}_{of}",
        structures=[""], estimate=estimate, draws=draws, null=null, matched=matched, unit=unit,
        headsize=headsize, no_effect=None, bounds=(0.0, 1.0 if unit == "share" else np.inf),
    )  # fmt: skip


def _adjusted(pairs: Pairs, convention: HeadSize) -> pd.DataFrame:
    return _rows(pairs, "adjusted_d", lambda pair: pair.difference(convention), convention)


def _rows(
    pairs: Pairs,
    quantity: str,
    function: Callable[[Pair], np.ndarray],
    headsize: HeadSize,
    structures: tuple[str, ...] = (),
) -> pd.DataFrame:
    settings, names = pairs.full.frame.settings, structures or pairs.full.frame.names(headsize)
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
    regression = fit(with_group(pair.reference.moments.select([0]), pair.generated.moments.select([0])))
    freedom = (pair.reference.moments.n + pair.generated.moments.n - 2)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return regression.beta[:, 1] / np.sqrt(regression.variance) * (1 - 3 / (4 * freedom - 1))
