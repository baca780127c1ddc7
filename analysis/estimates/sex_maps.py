"""Question 5: how men and women differ, under each head-size convention, in both cohorts."""

import numpy as np
import pandas as pd

from analysis.capabilities import missing_capability
from analysis.effect_maps import agreement_rows
from analysis.estimates.spread import both_and_difference
from analysis.evaluate import Pairs
from analysis.pair import Pair, Role
from analysis.regression import fit
from analysis.results import ESTIMATES, people_in


@ESTIMATES.register(label="Sex differences", unit="SD", source=("Wierenga2022",))
def sex_maps(pairs: Pairs) -> pd.DataFrame:
    """Return men minus women per structure (raw d, and adjusted for age by convention), and the agreement of maps."""
    frame = pairs.full.frame
    if missing_capability("sex", frame):
        return pd.DataFrame()
    common = {"question": 5, "analysis": "sex", "settings": frame.settings, "n": people_in(pairs.full)}
    tables = both_and_difference(
        pairs, raw_sex_d, common, quantity="sex_d", structures=list(frame.outcome_names), unit="SD"
    )
    for headsize in ("none", "share", "pooled_residual", "covariate") if frame.has_tiv else ("none",):
        names = list(frame.outcome_names if headsize == "none" else frame.structures)

        def value(role: Role, pair: Pair, h=headsize, s=len(names)) -> np.ndarray:  # type: ignore[no-untyped-def]
            return adjusted_sex_d(role, pair, h)[:, :s]

        tables += both_and_difference(
            pairs, value, common, quantity="sex_d_adjusted", structures=names, unit="SD", headsize=headsize
        )
        if headsize in ("none", "covariate"):
            tables.append(agreement_rows(pairs, "sex", headsize, common))
    return pd.concat(tables, ignore_index=True)


def raw_sex_d(role: Role, pair: Pair) -> np.ndarray:
    """Return Cohen's d of men minus women, pooled SD with n - 2, nothing adjusted, (B, s)."""
    at = pair.frame.columns.index("sex")
    fitted = fit(pair.side(role).moments.select([0, at]))
    with np.errstate(divide="ignore", invalid="ignore"):
        return fitted.beta[:, 1] / np.sqrt(fitted.variance)


def adjusted_sex_d(role: Role, pair: Pair, headsize: str) -> np.ndarray:
    """Return men minus women, adjusted for age, in the cohort's own residual standard deviations, (B, s).

    With `pooled_residual` the head-size slope is the one pooled over both cohorts at the estimate.
    """
    if headsize == "pooled_residual":
        return _after_pooled_slope(role, pair)
    effect, _ = pair.effect(role, "sex", headsize)  # type: ignore[arg-type]
    fitted, _ = pair.within(role, tiv=headsize == "covariate", spline=False, share=headsize == "share")
    with np.errstate(divide="ignore", invalid="ignore"):
        return effect / np.sqrt(fitted.variance)


def _after_pooled_slope(role: Role, pair: Pair) -> np.ndarray:
    frame = pair.frame
    slope = pair.pooled_headsize_slope
    m = pair.side(role).moments.without_linear(slope, column=frame.columns.index("tiv"))
    columns = frame.model(tiv=False, spline=False)
    fitted = fit(m.select(columns))
    at = columns.index(frame.columns.index("sex"))
    with np.errstate(divide="ignore", invalid="ignore"):
        return fitted.beta[:, at] / np.sqrt(fitted.variance)
