"""Question 5: how men and women differ, under each head-size convention, in both cohorts."""

from functools import partial

import numpy as np
import pandas as pd

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.effect_maps import agreement_rows, both_and_difference
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair, Role
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.regression import fit
from plausibrain.analysis.results import common_columns
from plausibrain.analysis.settings import HeadSize


@ESTIMATES.register(
    label="Sex differences",
    unit="SD",
    source=("Wierenga2022",),
    quantities={
        "sex_d": Quantity("Sex difference, raw (men minus women)"),
        "sex_d_adjusted": Quantity("Sex difference, adjusted for age (men minus women)"),
        "sex_deming_slope": Quantity(
            "Sex differences, Deming slope",
            "The same three numbers are given for the maps of sex differences.",
        ),
        "sex_concordance": Quantity("Sex differences, concordance"),
        "sex_sign_agreement": Quantity("Sex differences of equal sign"),
    },
)
def sex_maps(pairs: Pairs) -> pd.DataFrame:
    """Return men minus women per structure, raw and adjusted for age by convention, and the agreement."""
    frame = pairs.full.frame
    if missing_capability("sex", frame):
        return pd.DataFrame()
    common = common_columns(pairs.full, question=5, analysis="sex")
    tables = both_and_difference(pairs, raw_sex_d, common, quantity="sex_d", unit="SD")
    for headsize in frame.conventions:
        value = partial(adjusted_sex_d, headsize=headsize)
        tables += both_and_difference(
            pairs, value, common, quantity="sex_d_adjusted", unit="SD", headsize=headsize
        )
        if headsize in ("none", "covariate"):
            tables.append(agreement_rows(pairs, "sex", headsize, common))
    return pd.concat(tables, ignore_index=True)


def raw_sex_d(role: Role, pair: Pair) -> np.ndarray:
    """Return Cohen's d of men minus women, pooled SD with n - 2, nothing adjusted, (B, s)."""
    at = pair.frame.columns.index("sex")
    regression = fit(pair.side(role).moments.select([0, at]))
    with np.errstate(divide="ignore", invalid="ignore"):
        return regression.beta[:, 1] / np.sqrt(regression.variance)


def adjusted_sex_d(role: Role, pair: Pair, headsize: HeadSize) -> np.ndarray:
    """Return men minus women, adjusted for age, in the cohort's own residual standard deviations, (B, s)."""
    effect, _ = pair.effect(role, "sex", headsize)
    with np.errstate(divide="ignore", invalid="ignore"):
        return effect / pair.residual_sd(role, headsize)
