"""Cells of raw tables as text or as numbers, the same under every supported version of pandas."""

import numpy as np
import pandas as pd

from plausibrain.cohorts.errors import DataError

_EXACT_INTEGERS = 2**53


def as_text(values: pd.Series) -> pd.Series:
    """Give values as stripped text; whole numbers lose their ``.0``, missing and empty ones are missing.

    Parameters
    ----------
    values : Series
        Text or numbers.

    Returns
    -------
    Series of str
        With the index of `values`.
    """
    if pd.api.types.is_float_dtype(values.dtype):
        numbers = values.dropna()
        whole = bool(numbers.eq(numbers.round()).all()) and bool((numbers.abs() < _EXACT_INTEGERS).all())
        values = values.astype("Int64") if whole else values
    texts = values.astype("str").str.strip()
    return texts.where(values.notna() & (texts != ""))


def as_numbers(values: pd.Series) -> pd.Series:
    """Give values as the nearest float64; what is no number is NaN.

    Parameters
    ----------
    values : Series
        Text or numbers.

    Returns
    -------
    Series of float
        With the index of `values`.
    """
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype(np.float64)
    readable = pd.to_numeric(values, errors="coerce").notna().to_numpy()
    numbers = np.full(len(values), np.nan)
    # Not the result of `to_numeric`: that of pandas 2 may miss the last digit.
    numbers[readable] = values[readable].astype(np.float64).to_numpy()
    return pd.Series(numbers, index=values.index, name=values.name)


def checked_numbers(values: pd.Series, source: str, *, whole: bool = False) -> pd.Series:
    """Give values as numbers, and refuse the first that is none.

    Parameters
    ----------
    values : Series
        Its index holds the lines of the file, its name is the column.
    source : str
        File, for the message.
    whole : bool
        Refuse fractions too.

    Returns
    -------
    Series of float
        Missing stays missing.

    Raises
    ------
    DataError
        Names line, column and value.
    """
    numbers = as_numbers(values)
    bad = values.notna() & (numbers.isna() | (whole & (numbers % 1 != 0)))
    if bad.any():
        line = bad.index[bad][0]
        text = str(values[line])
        kind = "a whole number" if whole else "a number"
        remedy = "write a decimal point" if "," in text else "correct it, or write n/a if it is missing"
        raise DataError(f"{source}: line {line}, column {values.name!r}: {text!r} is not {kind}; {remedy}")
    return numbers
