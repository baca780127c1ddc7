"""Questions 4 and 5: age and sex predicted from volumes, in generated and in held-out reference subjects."""

from functools import partial

import numpy as np
import pandas as pd

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.brain_age import age_scores, balanced_accuracy
from plausibrain.analysis.effect_maps import both_and_difference
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair, Role
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import common_columns

MOST_SPLITS = 40
QUANTITIES = (  # quantity, unit; columns of `age_scores`
    ("brain_age_r", "r"),
    ("brain_age_slope", "years per year"),
    ("brain_age_error", "years"),
    ("brain_age_error_corrected", "years"),
)


DESCRIBED = {
    "brain_age_r": Quantity(
        "Predicted age, correlation with age",
        "Age is predicted from volumes by ridge regression or support vectors, chosen by nested "
        "cross-validation within the reference; folds keep subjects together and are alike in age. "
        "Reference subjects are predicted by models that have not seen them, generated subjects by the same "
        "models. Predictions are corrected for age bias by the slope in held-out reference subjects "
        "[@Cole2018], not by a correction that adds the age itself [@Lange2020; @Butler2021].",
    ),
    "brain_age_slope": Quantity("Predicted age, slope on age before correction"),
    "brain_age_error": Quantity("Predicted age, mean absolute error"),
    "brain_age_error_corrected": Quantity("Predicted age, mean absolute error after age-bias correction"),
    "sex_accuracy": Quantity(
        "Predicted sex, balanced accuracy",
        "Sex is predicted by ridge regression on balanced classes in the same folds.",
    ),
}


@ESTIMATES.register(
    label="Predicted age and sex", unit="years", source=("Cole2018", "Lange2020"), quantities=DESCRIBED
)
def brain_age(pairs: Pairs) -> pd.DataFrame:
    """Return correlation, slope and error of predicted age, and the accuracy of predicted sex, by cohort."""
    frame = pairs.full.frame
    few = Pairs(
        pairs.full,
        pairs.bootstrap,
        pairs.halves,
        pairs.null.first(MOST_SPLITS),
        pairs.matched,
        pairs.injected,
    )
    tables = []
    if not missing_capability("brain age", frame):
        common = common_columns(pairs.full, question=4, analysis="brain_age")
        for i, (quantity, unit) in enumerate(QUANTITIES):
            value = partial(_score, column=i)
            tables += both_and_difference(few, value, common, quantity=quantity, unit=unit, structures=[""])
    if not missing_capability("predicted sex", frame):
        common = common_columns(pairs.full, question=5, analysis="predicted_sex")
        tables += both_and_difference(
            few, _accuracy, common, quantity="sex_accuracy", unit="share", structures=[""]
        )
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _score(role: Role, pair: Pair, column: int) -> np.ndarray:
    return age_scores(role, pair)[:, column : column + 1]


def _accuracy(role: Role, pair: Pair) -> np.ndarray:
    return balanced_accuracy(pair)[role][:, None]
