"""Conditions between the physical units of a participants table and the numbers a network sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plausibrain.cohorts.errors import DataError

SEX_CODES = {"F": 0.0, "M": 1.0}
DEFAULT_CONDITIONS = ("sex", "age", "requested_ventricle_mm3", "requested_brain_mm3")


@dataclass(frozen=True)
class ConditionScaler:
    """Which columns condition a model, and the range of each that becomes 0 to 1.

    Attributes
    ----------
    columns : tuple of str
        Names of the participants table, in the order the network sees them. ``sex`` and ``requested_sex``
        are ``F`` (0) and ``M`` (1).
    low, high : tuple of float
        In physical units (years, mm3): what becomes 0 and 1. Values outside are extrapolated, not clipped.
    """

    columns: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, subjects: pd.DataFrame, columns: Sequence[str] = DEFAULT_CONDITIONS) -> "ConditionScaler":
        """Return the scaler whose ranges are the smallest and largest values of a table.

        Raises
        ------
        DataError
            When a column is missing, holds a missing value, or does not vary.
        """
        values = physical_values(subjects, columns)
        low, high = values.min(axis=0), values.max(axis=0)
        still = [name for name, a, b in zip(columns, low, high, strict=True) if not b > a]
        if still:
            raise DataError(
                f"condition {', '.join(still)} is the same in everybody; leave it out or add subjects"
            )
        return cls(tuple(columns), tuple(low.tolist()), tuple(high.tolist()))

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "ConditionScaler":
        """Return the scaler that `as_data` described."""
        low, high = (tuple(float(value) for value in data[name]) for name in ("low", "high"))
        columns = tuple(str(name) for name in data["columns"])
        if not len(columns) == len(low) == len(high) or any(b <= a for a, b in zip(low, high, strict=True)):
            raise DataError("the condition scaler is broken: every column needs a low below its high")
        return cls(columns, low, high)

    def as_data(self) -> dict[str, Any]:
        """Return columns and ranges as plain lists, for JSON."""
        return {"columns": list(self.columns), "low": list(self.low), "high": list(self.high)}

    def __call__(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """Return scaled conditions, (n, number of columns), float32.

        Raises
        ------
        DataError
            When a column is missing or a value cannot be used.
        """
        values = physical_values(rows, self.columns)
        low, high = np.array(self.low), np.array(self.high)
        return ((values - low) / (high - low)).astype(np.float32)


def physical_values(rows: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.float64]:
    """Return the conditions of a table as numbers in physical units, (n, number of columns); sex as 0 or 1.

    Raises
    ------
    DataError
        When a column is missing, or a value is missing or no number.
    """
    parts = [_column(rows, name) for name in columns]
    return np.stack(parts, axis=1) if parts else np.zeros((len(rows), 0))


def _column(rows: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in rows.columns:
        raise DataError(f"condition {name!r} is missing from the table of subjects; add the column")
    column = rows[name]
    if name in ("sex", "requested_sex"):
        column = column.map(SEX_CODES)
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(
            f"condition {name!r} has no usable value in row {int(bad[0])} "
            f"(found {rows[name].iloc[bad[0]]!r}); fill it in or drop the row"
        )
    return values
