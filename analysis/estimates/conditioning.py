"""Question 6: requested against measured, for every condition that the table carries."""

from functools import partial

import numpy as np
import pandas as pd

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.brain_age import corrected_brain_age
from plausibrain.analysis.conditions import (
    DIGITS,
    LABELS,
    line_of,
    local_slopes,
    piece_names,
    requested_and_measured,
)
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import estimate_rows, subjects_in

REACH = (0.05, 0.95)
QUANTITIES = (  # quantity, its label, unit, value without an effect
    ("slope", "slope on the request", "mm³ per mm³", 1.0),
    ("r", "correlation with the request", "r", 0.0),
    ("mean_error", "mean error", "mm³", 0.0),
    ("mean_absolute_error", "mean absolute error", "mm³", None),
)


CURVE = ("local_slope", "local slope on the request")
RANGES = (("requested_range", "central 90 % of requests"), ("measured_range", "central 90 % of measurements"))


def _described() -> dict[str, Quantity]:
    """Describe the quantities of every condition."""
    return {
        f"{label.replace(' ', '_')}_{quantity}": Quantity(f"{label.capitalize()}, {words}")
        for label in LABELS.values()
        for quantity, words in (*(pair[:2] for pair in QUANTITIES), CURVE, *RANGES)
    }


@ESTIMATES.register(
    label="Requested against measured", unit="mm³", source=("Pinaya2022",), quantities=_described()
)
def conditioning(pairs: Pairs) -> pd.DataFrame:
    """Return slope, offset, correlation, error and reach of every requested volume."""
    tables = [
        _condition(pairs, column)
        for column, label in LABELS.items()
        if not missing_capability(f"requested {label}", pairs.full.frame)
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _condition(pairs: Pairs, column: str) -> pd.DataFrame:
    settings, name = pairs.full.frame.settings, LABELS[column].replace(" ", "_")
    x, y, rows = requested_and_measured(column, pairs.full.generated.arrays.sample)

    def values(pair: Pair) -> np.ndarray:
        sums = partial(pair.generated.sums, rows=rows)
        slope, _, r = line_of(sums, x, y)
        n, error, absolute = sums(np.column_stack([np.ones(len(x)), y - x, np.abs(y - x)])).T
        # Rounded, so that an exact answer to every request is no departure of the size of rounding errors.
        exact = np.round(np.column_stack([slope, r]), DIGITS)
        return np.column_stack([exact, error / n, absolute / n])

    estimate, draws = values(pairs.full)[0], values(pairs.bootstrap)
    n = subjects_in(pairs.full)[1]
    tables = []
    for i, (quantity, _, unit, no_effect) in enumerate(QUANTITIES):
        table = estimate_rows(
            question=6, analysis="conditioning", quantity=f"{name}_{quantity}", structures=[""],
            estimate=estimate[i : i + 1], draws=draws[:, i : i + 1], settings=settings, unit=unit, n=(0, n),
            cohort="generated", no_effect=no_effect,
        )  # fmt: skip
        tables.append(table)
    curve = (
        []
        if missing_capability(f"several requested {LABELS[column]}s", pairs.full.frame)
        else [_curve(pairs, column, name, n)]
    )
    return pd.concat([*tables, *curve, _reach(x, y, name, n)], ignore_index=True)


def _curve(pairs: Pairs, column: str, name: str, n: int) -> pd.DataFrame:
    """Slopes between neighbouring requests, at equal age, sex and other requests."""
    estimate, draws = local_slopes(column, pairs.full)[0], local_slopes(column, pairs.bootstrap)
    table = estimate_rows(
        question=6, analysis="conditioning", quantity=f"{name}_{CURVE[0]}", structures=[""] * len(estimate),
        estimate=estimate, draws=draws, settings=pairs.full.frame.settings, unit="mm³ per mm³", n=(0, n),
        cohort="generated", no_effect=1.0,
    )  # fmt: skip
    return table.assign(stratum=piece_names(column, pairs.full.frame))


def _reach(x: np.ndarray, y: np.ndarray, name: str, n: int) -> pd.DataFrame:
    """Central 90 % of what was requested and of what was measured."""
    rows = []
    for what, values in (("requested", x), ("measured", y)):
        low, median, high = np.quantile(values, [REACH[0], 0.5, REACH[1]])
        row = {
            "question": 6, "analysis": "conditioning", "quantity": f"{name}_{what}_range", "structure": "",
            "stratum": "all", "headsize": "none", "cohort": "generated", "estimate": median, "ci_low": low,
            "ci_high": high, "n_reference": 0, "n_generated": n, "unit": "mm³", "verdict": "", "status": "ok",
            "reason": "central 90 % of the images, not a confidence interval",
        }  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows)


def dose_table(pairs: Pairs) -> pd.DataFrame:
    """Return requested and measured values of every image and condition."""
    sample = pairs.full.generated.arrays.sample
    tables = []
    for column in LABELS:
        if missing_capability(f"requested {LABELS[column]}", pairs.full.frame):
            continue
        x, y, rows = requested_and_measured(column, sample)
        ids = sample.subjects["participant_id"].to_numpy()[rows]
        tables.append(
            pd.DataFrame(
                {
                    "participant_id": ids,
                    "condition": LABELS[column],
                    "requested": x,
                    "measured": y,
                    "unit": "mm³",
                }
            )
        )
    tables += _age_doses(pairs)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _age_doses(pairs: Pairs) -> list[pd.DataFrame]:
    """Return requested age and age-bias corrected brain age of every image."""
    if missing_capability("brain age", pairs.full.frame):
        return []
    sample = pairs.full.generated.arrays.sample
    table = pd.DataFrame(
        {
            "participant_id": sample.subjects["participant_id"].to_numpy(),
            "condition": "age",
            "requested": sample.age,
            "measured": corrected_brain_age(pairs.full),
            "unit": "years",
        }
    )
    return [table]
