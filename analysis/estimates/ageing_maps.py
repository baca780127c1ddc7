"""Question 4: how fast every structure changes with age, in both cohorts, and whether the two maps agree."""

import numpy as np
import pandas as pd

from analysis.capabilities import missing_capability
from analysis.effect_maps import agreement_rows
from analysis.estimates.spread import both_and_difference
from analysis.evaluate import Pairs
from analysis.frame import YEARS_PER_UNIT
from analysis.pair import Pair, Role
from analysis.results import ESTIMATES, people_in


@ESTIMATES.register(label="Age effects", unit="% per year", source=("Cornbleet1979", "Lin1989"))
def ageing_maps(pairs: Pairs) -> pd.DataFrame:
    """Return slopes per structure, raw correlations with age, and the agreement of the two maps."""
    if missing_capability("age", pairs.full.frame):
        return pd.DataFrame()
    frame = pairs.full.frame
    common = {"question": 4, "analysis": "ageing", "settings": frame.settings, "n": people_in(pairs.full)}
    tables = both_and_difference(
        pairs, age_correlation, common, quantity="age_r", structures=list(frame.outcome_names), unit="r"
    )
    for headsize in ("none", "covariate") if frame.has_tiv else ("none",):
        names = list(frame.outcome_names if headsize == "none" else frame.structures)
        for quantity, unit, function in (
            ("age_slope", "% per year", _percent_per_year),
            ("age_beta", "SD per decade", _beta),
        ):

            def value(role: Role, pair: Pair, h=headsize, f=function, s=len(names)) -> np.ndarray:  # type: ignore[no-untyped-def]
                return f(role, pair, h)[:, :s]

            tables += both_and_difference(
                pairs, value, common, quantity=quantity, structures=names, unit=unit, headsize=headsize
            )
        tables.append(agreement_rows(pairs, "age", headsize, common))
    return pd.concat(tables, ignore_index=True)


def age_correlation(role: Role, pair: Pair) -> np.ndarray:
    """Return Pearson's r of every volume with age, unadjusted, (B, s)."""
    m = pair.side(role).moments
    at = pair.frame.columns.index("age")
    n = m.n[:, None]
    mean_age = (m.xx[:, 0, at] / m.n)[:, None]
    var_age = (m.xx[:, at, at] / m.n)[:, None] - mean_age**2
    cov = m.xy[:, at] / n - mean_age * pair.means(role)
    with np.errstate(divide="ignore", invalid="ignore"):
        return cov / np.sqrt(var_age * pair.variances(role))


def _beta(role: Role, pair: Pair, headsize: str) -> np.ndarray:
    return pair.effect(role, "age", headsize)[0]  # type: ignore[arg-type]


def _percent_per_year(role: Role, pair: Pair, headsize: str) -> np.ndarray:
    """Slope in percent of the cohort's own mean volume per year."""
    frame = pair.frame
    slope = _beta(role, pair, headsize) * frame.scale / YEARS_PER_UNIT
    return 100 * slope / (frame.center + frame.scale * pair.means(role))
