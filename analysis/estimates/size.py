"""Question 2: the difference of every structure, under every head-size convention and as published.

Signs are generated minus reference throughout.
"""

import numpy as np
import pandas as pd

from analysis.evaluate import Pairs
from analysis.pair import Pair
from analysis.regression import fit, with_group
from analysis.results import ESTIMATES, estimate_rows, evaluate_on, people_in
from analysis.settings import HeadSize


@ESTIMATES.register(
    label="Differences of volumes", unit="SD", source=("Hedges1981", "Wu2024", "Schuirmann1987")
)
def size(pairs: Pairs) -> pd.DataFrame:
    """Return adjusted, raw and published differences of every structure."""
    frame = pairs.full.frame
    tables = [_adjusted(pairs, convention) for convention in _conventions(pairs)]
    tables.append(_rows(pairs, "hedges_g", hedges_g, "none", frame.outcome_names))
    tables.append(_rows(pairs, "cohens_d", _published, "none", frame.outcome_names))
    if frame.has_tiv:
        tables.append(_rows(pairs, "cohens_d", _published_residual, "pooled_residual", frame.structures))
    return pd.concat(tables, ignore_index=True)


def _conventions(pairs: Pairs) -> tuple[HeadSize, ...]:
    return ("none", "share", "covariate") if pairs.full.frame.has_tiv else ("none",)


def _adjusted(pairs: Pairs, convention: HeadSize) -> pd.DataFrame:
    frame = pairs.full.frame
    names = frame.outcome_names if convention == "none" else frame.structures
    return _rows(pairs, "adjusted_d", lambda pair: pair.difference(convention), convention, names)


def _rows(pairs: Pairs, quantity: str, function, convention: str, names: tuple[str, ...]) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    frame = pairs.full.frame
    s = len(names)
    estimate, draws, null = evaluate_on(lambda p: function(p)[:, :s], pairs.full, pairs.bootstrap, pairs.null)
    return estimate_rows(
        question=2, analysis="size", quantity=quantity, structures=names, estimate=estimate, draws=draws, null=null,
        settings=frame.settings, unit="SD", n=people_in(pairs.full), headsize=convention,
        margin=np.array([frame.settings.margin_of(name) for name in names]),
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
