"""Ages in years from what tables say: ``63.2``, ``89+``, ``045Y``, months by name or by flag."""

import numpy as np
import pandas as pd

from plausibrain.cohorts.cells import as_numbers
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note

PER_YEAR = {"years": 1.0, "months": 12.0, "weeks": 365.25 / 7, "days": 365.25}
_OLDEST = 120.0
_DICOM = {"Y": "years", "M": "months", "D": "days"}


def parse_ages(values: pd.Series, *, source: str, unit: str | None, notes: list[Note]) -> pd.Series:
    """Read ages.

    Parameters
    ----------
    values : Series of str
        Its index holds the lines of the file; missing stays missing.
    source : str
        File, for messages.
    unit : {None, "years", "months", "days"}
        None means years, and refuses what looks otherwise.
    notes : list of Note
        Coercions are appended: ``89+`` is read as 89, ``045Y`` (DICOM) as 45.

    Returns
    -------
    Series of float
        Years.

    Raises
    ------
    DataError
        For text, negative ages, ages above 120 years, and columns that are in months or scaled to 0..1.
    """
    if unit is not None and unit not in PER_YEAR:
        raise DataError(f"age_unit={unit!r} is unknown; use years, months, weeks or days")
    numbers = as_numbers(values)
    unread = values.notna() & numbers.isna()
    if unread.any():
        for read in (_open_ended(values[unread], notes), _dicom(values[unread], unit, notes)):
            numbers.update(read)
    _check_text(values, numbers, source)
    _check_unit(numbers, unit, source)
    years = numbers / PER_YEAR[unit or "years"]
    _check_range(years, values, source)
    if unit in ("months", "weeks", "days"):
        notes.append(_note(values, f"{int(years.notna().sum())} ages converted from {unit} to years"))
    return years


def _open_ended(values: pd.Series, notes: list[Note]) -> pd.Series:
    """``89+``, ``>89`` and ``>=89``: the stated limit."""
    limits = values.str.extract(r"^(?:>=?\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*\+)$")
    found = as_numbers(limits[0].where(limits[0].notna(), limits[1]))
    if found.notna().any():
        message = f"{int(found.notna().sum())} open-ended ages read as the stated limit"
        notes.append(_note(values[found.notna()], message))
    return found


def _dicom(values: pd.Series, unit: str | None, notes: list[Note]) -> pd.Series:
    """DICOM age strings such as ``045Y``, in the unit asked for."""
    parts = values.str.extract(r"^(\d{3})([YMD])$")
    years = parts[0].astype(np.float64) / parts[1].map(
        lambda letter: PER_YEAR[_DICOM[letter]], na_action="ignore"
    )
    if years.notna().any():
        notes.append(_note(values[years.notna()], f"{int(years.notna().sum())} DICOM age strings read"))
    return years * PER_YEAR[unit or "years"]


def _check_text(values: pd.Series, numbers: pd.Series, source: str) -> None:
    bad = values.notna() & ~np.isfinite(numbers)
    if bad.any():
        line = bad.index[bad][0]
        raise DataError(
            f"{source}: line {line}, column {values.name!r}: age {values[line]!r} is not a number; "
            "write years with a decimal point, or n/a"
        )


def _check_unit(numbers: pd.Series, unit: str | None, source: str) -> None:
    known = numbers.dropna()
    if unit is not None or known.empty:
        return
    if known.min() > 130:
        raise DataError(
            f"{source}: column {numbers.name!r}: all ages lie above 130 ({known.min():g} to "
            f"{known.max():g}); "
            "if they are months, say so with age_unit='months'"
        )
    if known.min() >= 0 and known.max() <= 1 and known.nunique() > 1:
        raise DataError(
            f"{source}: column {numbers.name!r}: all ages lie between 0 and 1, they seem to be scaled; "
            "give years, "
            "or say that they are with age_unit='years'"
        )


def _check_range(years: pd.Series, values: pd.Series, source: str) -> None:
    bad = years.notna() & ~years.between(0, _OLDEST)
    if bad.any():
        line = bad.index[bad][0]
        raise DataError(
            f"{source}: line {line}, column {values.name!r}: age {values[line]!r} lies outside 0 to 120 "
            "years "
            f"({int(bad.sum())} such rows); correct it, or write n/a if it means missing"
        )


def _note(values: pd.Series, message: str) -> Note:
    return Note("coerced", str(values.name), int(values.index[0]), str(values.iloc[0]), message)
