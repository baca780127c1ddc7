"""Question 10: the gap between patients and controls of an independent cohort in brain-age difference."""

from functools import partial

import numpy as np
import pandas as pd

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.independent import TRAINED_ON, gaps
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import common_columns, estimate_rows, evaluate_on

COLUMNS = (("accelerated_ageing_years", "years"), ("accelerated_ageing_d", "SD"))


@ESTIMATES.register(
    label="Accelerated ageing",
    unit="years",
    source=("Peng2023",),
    quantities={
        "accelerated_ageing_years": Quantity("Patients look older than controls, years"),
        "accelerated_ageing_d": Quantity("Patients look older than controls, SD of controls"),
    },
)
def accelerated_ageing(pairs: Pairs) -> pd.DataFrame:
    """Return the gap by models trained on reference subjects, on generated ones and on both."""
    if missing_capability("independent cohort", pairs.full.frame):
        return pd.DataFrame()
    common = common_columns(pairs.full, question=10, analysis="accelerated_ageing")
    tables = []
    for name in TRAINED_ON:
        for i, (quantity, unit) in enumerate(COLUMNS):
            estimate, draws = evaluate_on(partial(_column, trained_on=name, i=i), pairs.full, pairs.bootstrap)
            tables.append(
                estimate_rows(
                    **common, quantity=quantity, structures=[""], estimate=estimate, draws=draws, unit=unit,
                    cohort="generated" if name == "generated" else "reference",
                    stratum="all" if name != "both" else "trained on both",
                )
            )  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def _column(pair: Pair, trained_on: str, i: int) -> np.ndarray:
    return gaps(pair, trained_on)[:, i : i + 1]
