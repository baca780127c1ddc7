"""Question 4: how fast every structure changes with age, in both cohorts, and whether the two maps agree.

Slopes are linear trends of the fitted age curves over the ages that both cohorts cover.
"""

from functools import partial

import numpy as np
import pandas as pd

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.covariates import YEARS_PER_UNIT
from plausibrain.analysis.effect_maps import agreement_rows, both_and_difference
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair, Role
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import common_columns
from plausibrain.analysis.settings import HeadSize
from plausibrain.analysis.withheld_ageing import without_withheld


@ESTIMATES.register(
    label="Age effects",
    unit="% per year",
    source=("Cornbleet1979", "Lin1989"),
    quantities={
        "age_r": Quantity("Correlation with age, raw"),
        "age_slope": Quantity(
            "Change with age",
            "Age effects are linear slopes within each cohort, adjusted for sex.",
        ),
        "age_beta": Quantity("Change with age, standardised"),
        "age_deming_slope": Quantity(
            "Age effects, Deming slope",
            "Agreement of the two maps of age effects over structures is given as Deming slope "
            "[@Cornbleet1979], which allows for error in both, as concordance [@Lin1989] and as "
            "share of equal signs.",
        ),
        "age_concordance": Quantity("Age effects, concordance"),
        "age_sign_agreement": Quantity("Age effects of equal sign"),
    },
)
def ageing_maps(pairs: Pairs) -> pd.DataFrame:
    """Return slopes per structure, raw correlations with age, and the agreement of the two maps."""
    if missing_capability("age", pairs.full.frame):
        return pd.DataFrame()
    common = common_columns(pairs.full, question=4, analysis="ageing")
    tables = both_and_difference(pairs, age_correlation, common, quantity="age_r", unit="r")
    for headsize in pairs.full.frame.conventions:
        if headsize not in ("none", "covariate"):
            continue
        for quantity, unit, function in (
            ("age_slope", "% per year", percent_per_year),
            ("age_beta", "SD per decade", standardised_slope),
        ):
            value = partial(function, headsize=headsize)
            tables += both_and_difference(
                pairs, value, common, quantity=quantity, unit=unit, headsize=headsize
            )
        tables.append(agreement_rows(pairs, "age", headsize, common))
    return without_withheld(pd.concat(tables, ignore_index=True), pairs.full.frame)


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


def standardised_slope(role: Role, pair: Pair, headsize: HeadSize) -> np.ndarray:
    """Return the adjusted trend in reference standard deviations per decade, (B, s)."""
    return pair.effect(role, "age", headsize)[0]


def percent_per_year(role: Role, pair: Pair, headsize: HeadSize) -> np.ndarray:
    """Return the adjusted trend in percent of the cohort's own mean volume per year, (B, s)."""
    frame = pair.frame
    slope = standardised_slope(role, pair, headsize) * frame.scale / YEARS_PER_UNIT
    return 100 * slope / (frame.center + frame.scale * pair.means(role))
