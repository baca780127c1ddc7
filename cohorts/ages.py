"""Ages in years from what tables say: ``63.2``, ``89+``, ``045Y``, months by name or by flag."""

import re

import numpy as np
import pandas as pd

from plausibrain.cohorts.cells import as_numbers
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note

PER_YEAR = {"years": 1.0, "months": 12.0, "weeks": 365.25 / 7, "days": 365.25}
_OLDEST = 120.0
_LETTERS = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}
_DICOM = r"^(?P<n>\d{3})(?P<letter>[YMWD])$"
_ISO = re.compile(r"^P(?=\d)(?:(?P<Y>\d+(?:\.\d+)?)Y)?(?:(?P<M>\d+(?:\.\d+)?)M)?"
                  r"(?:(?P<W>\d+(?:\.\d+)?)W)?(?:(?P<D>\d+(?:\.\d+)?)D)?$")  # fmt: skip
_UNKNOWN = ("xx", "unknown", "missing", "not available", "withheld", "?", "-", "--")
_RANGE = r"^\d+(?:\.\d+)?\s*(?:-|–|to)\s*\d+(?:\.\d+)?$"
#: A share of open-ended ages above this distorts slopes and the comparison of ages.
_MANY_OPEN = 0.1


def parse_ages(values: pd.Series, *, source: str, unit: str | None, notes: list[Note]) -> pd.Series:
    """Read ages.

    Parameters
    ----------
    values : Series of str
        Its index holds the lines of the file; missing stays missing.
    source : str
        File, for messages.
    unit : {None, "years", "months", "weeks", "days"}
        None means years, and refuses what looks otherwise.
    notes : list of Note
        Coercions are appended: ``89+`` is read as 89, ``045Y`` (DICOM) as 45, ``P50Y8M`` (ISO 8601) as
        50.67, ``50,7`` as 50.7. ``XX``, ``unknown`` and ranges such as ``26-30`` become missing, and are
        counted.

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
    values = _without_unknown(values, notes)
    numbers = as_numbers(values)
    unread = values.notna() & numbers.isna()
    if unread.any():
        numbers.update(_open_ended(values[unread], len(values), notes))
        numbers.update(_durations(values[unread], unit, notes))
        numbers.update(_decimal_commas(values[unread], notes))
        values = _without_ranges(values, source, notes)
    _check_text(values, numbers, source)
    _check_unit(numbers, unit, source)
    years = numbers / PER_YEAR[unit or "years"]
    _check_range(years, values, source)
    if unit in ("months", "weeks", "days"):
        notes.append(_note(values, f"{int(years.notna().sum())} ages converted from {unit} to years"))
    return years


def _without_unknown(values: pd.Series, notes: list[Note]) -> pd.Series:
    """``XX`` and words for unknown are missing."""
    unknown = values.str.casefold().isin(_UNKNOWN)
    if unknown.any():
        message = f"{int(unknown.sum())} ages say that they are unknown and count as missing"
        notes.append(_note(values[unknown], message, "warning"))
    return values.mask(unknown)


def _open_ended(values: pd.Series, n_rows: int, notes: list[Note]) -> pd.Series:
    """``89+``, ``>89`` and ``>=89``: the stated limit."""
    limits = values.str.extract(r"^(?:>=?\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*\+)$")
    edges = as_numbers(limits[0].where(limits[0].notna(), limits[1]))
    n_found = int(edges.notna().sum())
    if n_found:
        notes.append(_note(values[edges.notna()], f"{n_found} open-ended ages read as the stated limit"))
    if n_found > _MANY_OPEN * n_rows:
        message = (
            f"{n_found} of {n_rows} ages are open-ended: ages beyond the limit are not known, so that ageing "
            "and the coverage of ages are judged on wrong ages; restrict the cohort to ages below the limit"
        )
        notes.append(_note(values[edges.notna()], message, "warning"))
    return edges


def _durations(values: pd.Series, unit: str | None, notes: list[Note]) -> pd.Series:
    """DICOM age strings such as ``045Y`` and ISO 8601 durations such as ``P50Y8M``, in the unit asked for."""
    parts = values.str.extract(_DICOM)
    years = parts["n"].astype(np.float64) / parts["letter"].map(
        lambda letter: PER_YEAR[_LETTERS[letter]], na_action="ignore"
    )
    kinds = {"DICOM age strings": years, "ISO 8601 durations": _iso_years(values)}
    for name, ages in kinds.items():
        if ages.notna().any():
            notes.append(_note(values[ages.notna()], f"{int(ages.notna().sum())} {name} read"))
    return kinds["ISO 8601 durations"].fillna(years) * PER_YEAR[unit or "years"]


def _iso_years(values: pd.Series) -> pd.Series:
    matches = [_ISO.match(text) if isinstance(text, str) else None for text in values]
    years = [
        sum(float(n) / PER_YEAR[_LETTERS[letter]] for letter, n in match.groupdict().items() if n)
        if match
        else np.nan
        for match in matches
    ]
    return pd.Series(years, index=values.index, dtype=np.float64)


def _decimal_commas(values: pd.Series, notes: list[Note]) -> pd.Series:
    """``50,7``: an age has no thousands, so that a comma is decimal."""
    ages = as_numbers(values.where(values.str.fullmatch(r"\d+,\d+")).str.replace(",", "."))
    if ages.notna().any():
        message = f"{int(ages.notna().sum())} ages with decimal commas read"
        notes.append(_note(values[ages.notna()], message))
    return ages


def _without_ranges(values: pd.Series, source: str, notes: list[Note]) -> pd.Series:
    """``26-30`` is no age: the row is left out, and counted; a column of ranges is refused."""
    ranges = values.str.fullmatch(_RANGE).fillna(value=False).astype(bool)
    if ranges.any() and ranges.sum() == values.notna().sum():
        raise DataError(
            f"{source}: column {values.name!r}: all ages are ranges, such as {values[ranges].iloc[0]!r}; "
            "write the middle of each range if that is precise enough"
        )
    if ranges.any():
        message = f"{int(ranges.sum())} ages are ranges and count as missing; write the middle to use them"
        notes.append(_note(values[ranges], message, "warning"))
    return values.mask(ranges)


def _check_text(values: pd.Series, numbers: pd.Series, source: str) -> None:
    bad = values.notna() & ~np.isfinite(numbers)
    if bad.any():
        line = bad.index[bad][0]
        raise DataError(
            f"{source}: line {line}, column {values.name!r}: age {values[line]!r} is not a number; "
            "write years with a decimal point, or n/a"
        )


def _check_unit(numbers: pd.Series, unit: str | None, source: str) -> None:
    ages = numbers.dropna()
    if unit is not None or ages.empty:
        return
    if ages.min() > 130:
        unit = "days" if ages.median() > _OLDEST * PER_YEAR["months"] else "months"
        raise DataError(
            f"{source}: column {numbers.name!r}: all ages lie above 130 ({ages.min():g} to "
            f"{ages.max():g}); "
            f"if they are {unit}, say so with age_unit='{unit}'"
        )
    if ages.min() >= 0 and ages.max() <= 1 and ages.nunique() > 1:
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


def _note(values: pd.Series, message: str, kind: str = "coerced") -> Note:
    return Note(kind, str(values.name), int(values.index[0]), str(values.iloc[0]), message)
