"""Questions 4 and 5: how much otherwise age, or sex, acts on every structure in the generated cohort.

One model for both cohorts: age curve, sex and (by convention) head size in common, and the cohort, cohort
by age and cohort by sex on top. The rows `group_by_age` and `group_by_sex` are generated minus reference in
standard deviations of comparable real subjects; they ask per structure what the headlines ask of the whole
map.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.difference_maps import interaction
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import common_columns, estimate_rows, evaluate_on
from plausibrain.analysis.settings import HeadSize
from plausibrain.analysis.withheld_ageing import without_withheld


@ESTIMATES.register(
    label="Cohort by age and by sex",
    unit="SD",
    quantities={
        "group_by_age": Quantity("Difference of age effects (cohort by age)"),
        "group_by_sex": Quantity("Difference of sex differences (cohort by sex)"),
    },
)
def interactions(pairs: Pairs) -> pd.DataFrame:
    """Return the interaction of cohort with age (SD per decade) and with sex (SD) for every structure."""
    frame = pairs.full.frame
    tables = []
    for headsize in frame.conventions:
        if headsize not in ("none", "covariate"):
            continue
        if not missing_capability("age", frame):
            tables.append(_rows(pairs, 4, "group_by_age", "SD per decade", headsize, by_age))
        if not missing_capability("sex", frame):
            tables.append(_rows(pairs, 5, "group_by_sex", "SD", headsize, by_sex))
    return without_withheld(pd.concat(tables, ignore_index=True), frame) if tables else pd.DataFrame()


def _rows(
    pairs: Pairs,
    question: int,
    quantity: str,
    unit: str,
    headsize: HeadSize,
    function: Callable[[Pair, HeadSize], np.ndarray],
) -> pd.DataFrame:
    names = pairs.full.frame.names(headsize)
    values = evaluate_on(lambda pair: function(pair, headsize), pairs.full, pairs.bootstrap, pairs.null)
    estimate, draws, null = (v[..., : len(names)] for v in values)
    return estimate_rows(
        **common_columns(pairs.full, question=question, analysis="interactions"), quantity=quantity,
        structures=names, estimate=estimate, draws=draws, null=null, unit=unit, headsize=headsize,
    )  # fmt: skip


def by_age(pair: Pair, headsize: HeadSize) -> np.ndarray:
    """Return how much steeper the trend with age is in the generated cohort, SD per decade, (B, s)."""
    return interaction(pair, headsize, "age")


def by_sex(pair: Pair, headsize: HeadSize) -> np.ndarray:
    """Return how much larger men minus women is in the generated cohort, SD, (B, s)."""
    return interaction(pair, headsize, "sex")
