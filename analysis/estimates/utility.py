"""Question 10: learning curves of a brain-age model with real and generated subjects."""

import numpy as np
import pandas as pd

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import common_columns, estimate_rows
from plausibrain.analysis.usefulness import BLOCK, Errors, errors_of

SIZES = (BLOCK, 2 * BLOCK, 4 * BLOCK, 8 * BLOCK)
#: Arm -> cohort of the row, and what the reader calls it.
SHOWN = {
    "alone": ("reference", "Brain-age error, trained on reference subjects alone"),
    "repeated": ("reference", "Brain-age error, the same subjects repeated to the size with added ones"),
    "with_real": ("reference", "Brain-age error, further reference subjects added"),
    "with_generated": ("generated", "Brain-age error, generated subjects added"),
    "real_only": ("reference", "Brain-age error, trained on as many other reference subjects"),
    "generated_only": ("generated", "Brain-age error, trained on generated subjects alone"),
}
GAINS = {
    "gain_real": ("reference", "with_real", "Error saved by adding reference subjects, same size"),
    "gain_generated": ("generated", "with_generated", "Error saved by adding generated subjects, same size"),
}
DESCRIBED = {f"utility_{arm}": Quantity(label) for arm, (_, label) in SHOWN.items()} | {
    f"utility_{name}": Quantity(label) for name, (_, _, label) in GAINS.items()
}


@ESTIMATES.register(label="Learning curves", unit="years", source=("Peng2023",), quantities=DESCRIBED)
def utility(pairs: Pairs) -> pd.DataFrame:
    """Return the error of every training set and what is gained, by the number of reference subjects."""
    frame = pairs.full.frame
    if missing_capability("usefulness", frame):
        return pd.DataFrame()
    everything = [np.arange(len(p.sample)) for p in (frame.reference, frame.generated)]
    tables = []
    for size in SIZES:
        if 2 * size > len(frame.reference.clusters):
            break
        errors = errors_of(frame, everything[0], frame.generated, everything[1], size)
        if len(errors.rows):
            tables += _rows(pairs, errors, f"{size} subjects")
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _rows(pairs: Pairs, errors: Errors, stratum: str) -> list[pd.DataFrame]:
    w = pairs.bootstrap.reference.weights[:, errors.rows].astype(float)
    w /= w.sum(axis=1, keepdims=True)
    means = {arm: (values.mean(), w @ values) for arm, values in errors.by_arm.items()}
    common = common_columns(pairs.full, question=10, analysis="utility")
    tables = []
    for arm, (cohort, _) in SHOWN.items():
        estimate, draws = means[arm]
        tables.append(
            estimate_rows(
                **common, quantity=f"utility_{arm}", structures=[""], estimate=np.array([estimate]),
                draws=draws[:, None], unit="years", cohort=cohort, stratum=stratum, no_effect=None,
            )
        )  # fmt: skip
    for name, (cohort, arm, _) in GAINS.items():
        estimate, draws = (1 - a / b for a, b in zip(means[arm], means["repeated"], strict=True))
        tables.append(
            estimate_rows(
                **common, quantity=f"utility_{name}", structures=[""], estimate=np.array([estimate]),
                draws=draws[:, None], unit="share", cohort=cohort, stratum=stratum,
            )
        )  # fmt: skip
    return tables
