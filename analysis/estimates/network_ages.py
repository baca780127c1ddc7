"""Questions 4 and 5: age and sex predicted from images by a network, where a run trained one.

Its predictions come as columns of the subjects, held out in the reference; here they are only summed up.
They have no verdict of their own: that of the model of volumes, which every run has, stands.
"""

from functools import partial

import numpy as np
import pandas as pd

from plausibrain.analysis.effect_maps import both_and_difference
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair, Role, Rows, Weighted
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import common_columns
from plausibrain.cohorts.schemas import NETWORK_AGE, NETWORK_SEX

QUANTITIES = (  # quantity, unit; columns of `_age_scores`
    ("network_age_r", "r"),
    ("network_age_slope", "years per year"),
    ("network_age_error", "years"),
)
DESCRIBED = {
    "network_age_r": Quantity(
        "Age predicted from images, correlation with age",
        "Age and sex are also predicted from the images themselves, at 4 mm, by a small fully convolutional "
        "network [@PengSFCN2021] that is trained on the reference alone; reference subjects are predicted "
        "by networks that have not seen them, generated images by the mean of the same networks.",
    ),
    "network_age_slope": Quantity("Age predicted from images, slope on age"),
    "network_age_error": Quantity("Age predicted from images, mean absolute error"),
    "network_sex_accuracy": Quantity("Sex predicted from images, balanced accuracy"),
}


@ESTIMATES.register(
    label="Age and sex predicted from images", unit="years", source=("PengSFCN2021",), quantities=DESCRIBED
)
def network_ages(pairs: Pairs) -> pd.DataFrame:
    """Return correlation, slope and error of the predicted age and accuracy of the predicted sex."""
    frame = pairs.full.frame
    samples = [p.sample.subjects for p in (frame.reference, frame.generated)]
    if any(not {NETWORK_AGE, NETWORK_SEX} <= set(table) for table in samples):
        return pd.DataFrame()
    tables = []
    common = common_columns(pairs.full, question=4, analysis="network_ages")
    for i, (quantity, unit) in enumerate(QUANTITIES):
        value = partial(_age_score, column=i)
        tables += both_and_difference(pairs, value, common, quantity=quantity, unit=unit, structures=[""])
    common = common_columns(pairs.full, question=5, analysis="network_ages")
    tables += both_and_difference(
        pairs, _accuracy, common, quantity="network_sex_accuracy", unit="share", structures=[""]
    )
    return pd.concat(tables, ignore_index=True)


def _side(role: Role, pair: Pair, column: str) -> tuple[Weighted, np.ndarray, Rows]:
    """Return a cohort with the predictions of its rows, and which rows have one."""
    side = pair.side(role)
    values = side.arrays.sample.subjects[column].to_numpy(dtype=float)
    return side, values, np.flatnonzero(np.isfinite(values))


def _age_score(role: Role, pair: Pair, column: int) -> np.ndarray:
    side, predicted, rows = _side(role, pair, NETWORK_AGE)
    x, y = side.arrays.sample.age[rows], predicted[rows]
    sums = side.sums(np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y, np.abs(y - x)]), rows)
    n, sx, sy, sxx, syy, sxy, error = np.asarray(sums).T
    with np.errstate(divide="ignore", invalid="ignore"):
        vx, vy, cov = sxx - sx**2 / n, syy - sy**2 / n, sxy - sx * sy / n
        scores = np.column_stack([cov / np.sqrt(vx * vy), cov / vx, error / n])
    return scores[:, column : column + 1]


def _accuracy(role: Role, pair: Pair) -> np.ndarray:
    side, score, rows = _side(role, pair, NETWORK_SEX)
    male, hit = side.arrays.sample.male[rows] == 1, score[rows] > 0
    hit = hit == male
    sums = side.sums(np.column_stack([hit & male, hit & ~male, male, ~male]).astype(float), rows)
    right_male, right_female, n_male, n_female = np.asarray(sums).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((right_male / n_male + right_female / n_female) / 2)[:, None]
