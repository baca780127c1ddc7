"""Tables on disk: TSV or Parquet, each with a JSON data dictionary, written whole or not at all.

Numbers keep full precision and read back exactly. A missing value is written ``n/a``, as BIDS does, and
reads back as NaN. An empty text stays empty text. In text columns the literal ``n/a`` therefore means
missing.
"""

import csv
import json
import math
import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.store import write_atomic, write_text_atomic
from plausibrain.cohorts.text_files import read_json, require_regular_file

DTYPES = ("str", "float", "int", "bool")
MISSING = "n/a"
_SPECIAL = re.compile(r'[\t\n\r"]')
_EXACT_INTEGERS = 2**53
#: Rows whose texts are in memory at a time.
_ROWS_AT_A_TIME = 10_000
_PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])
EXACT_FLOATS: dict[str, Any] = {} if _PANDAS >= (3, 1) else {"float_precision": "round_trip"}
"""Options that make `pandas.read_csv` exact: from pandas 3.1 on it is, and the option is deprecated."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        Its header.
    dtype : {"str", "float", "int", "bool"}
        What its values are. ``int`` reads back as float64 when a value is missing; ``bool`` may not be
        missing.
    description, unit : str
        For the data dictionary; an empty unit means none.
    """

    name: str
    dtype: str
    description: str
    unit: str = ""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise DataError(f"column {self.name!r} has dtype {self.dtype!r}; use one of {', '.join(DTYPES)}")


@dataclass(frozen=True)
class Schema:
    """The columns a table must have.

    Parameters
    ----------
    name : str
        Name of the table.
    columns : tuple of Column
        Must all be present, unless they are named in `optional`.
    extra : Column or None
        Template of any further columns (its name is a placeholder); None forbids them.
    description : str
        For the data dictionary.
    optional : tuple of str
        Names of columns that may be absent.
    """

    name: str
    columns: tuple[Column, ...]
    extra: Column | None = None
    description: str = ""
    optional: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        """Column of this name, made from the template when it is a further one; None when it is not allowed.

        Parameters
        ----------
        name : str
            A header.

        Returns
        -------
        Column or None
        """
        for column in self.columns:
            if column.name == name:
                return column
        if self.extra is None:
            return None
        return Column(name, self.extra.dtype, self.extra.description, self.extra.unit)

    def empty(self) -> pd.DataFrame:
        """Table without rows, with the right columns.

        Returns
        -------
        DataFrame
        """
        dtypes = {"str": "str", "float": "float64", "int": "int64", "bool": "bool"}
        return pd.DataFrame({c.name: pd.Series(dtype=dtypes[c.dtype]) for c in self.columns})


def write_table(table: pd.DataFrame, path: str | os.PathLike[str], schema: Schema) -> Path:
    """Write a table and its data dictionary, each atomically.

    Parameters
    ----------
    table : DataFrame
        Its index is not written.
    path : path-like
        Ends in ``.tsv`` or ``.parquet``; the dictionary gets the same name and ``.json``.
    schema : Schema
        What the table must hold.

    Returns
    -------
    Path
        The path of the table.

    Raises
    ------
    DataError
        When a column is missing, unknown or of another type.
    ToolError
        For Parquet without pyarrow.
    """
    target = Path(path)
    form = _format(target)
    rows = _conform(table, schema, target)
    if form == "parquet":
        write_atomic(target, lambda temporary: rows.to_parquet(temporary, index=False))
    else:
        write_atomic(target, lambda temporary: _write_tsv(rows, temporary, schema))
    dictionary = {**data_dictionary(schema, rows.columns), "TableRows": len(rows)}
    write_text_atomic(
        target.with_suffix(".json"), json.dumps(dictionary, indent=2, ensure_ascii=False) + "\n"
    )
    return target


def read_table(path: str | os.PathLike[str], schema: Schema) -> pd.DataFrame:
    """Read a table that `write_table` wrote, exactly as it was.

    Parameters
    ----------
    path : path-like
        Ends in ``.tsv`` or ``.parquet``.
    schema : Schema
        What the table must hold.

    Returns
    -------
    DataFrame
        With a RangeIndex; missing values are NaN.

    Raises
    ------
    DataError
        When the file is absent or does not follow the schema; names the columns, or line, column and value.
    ToolError
        For Parquet without pyarrow.
    """
    target = Path(path)
    form = _format(target)
    try:
        require_regular_file(target)
    except FileNotFoundError:
        raise DataError(f"{target}: no such table; run the stage that writes it") from None
    if form == "parquet":
        return _conform(pd.read_parquet(target), schema, target)
    header = _header(target)
    _check_names(header, schema, target)
    table = _conform(_read_tsv(target, header, schema), schema, target)
    _check_complete(target, len(table))
    return table


def stored_table(folder: Path, name: str) -> Path:
    """Return the path of a table of a run, whichever form it was written in; .tsv where there is none."""
    parquet = folder / f"{name}.parquet"
    return parquet if parquet.is_file() else folder / f"{name}.tsv"


def _check_complete(path: Path, n_rows: int) -> None:
    """Refuse a table with fewer rows than its data dictionary states: the file was cut off."""
    try:
        dictionary = read_json(path.with_suffix(".json"))
    except (FileNotFoundError, DataError):
        return
    n_expected = dictionary.get("TableRows") if isinstance(dictionary, dict) else None
    if isinstance(n_expected, int) and n_rows < n_expected:
        raise DataError(
            f"{path}: has {n_rows:,} rows, but was written with {n_expected:,}: it is cut off; "
            "run the stage that writes it again"
        )


def data_dictionary(schema: Schema, names: Iterable[str]) -> dict[str, Any]:
    """Collect what the sidecar of a table says: per column its type, description and unit.

    Parameters
    ----------
    schema : Schema
        Describes the columns.
    names : iterable of str
        The columns that the table has.

    Returns
    -------
    dict
        As in BIDS: one entry per column with Description and Units.
    """
    entries: dict[str, Any] = {}
    for name in names:
        column = schema.column(name)
        if column is not None:
            entries[name] = {"Description": column.description, "DataType": column.dtype}
            entries[name] |= {"Units": column.unit} if column.unit else {}
    return {"TableName": schema.name, "TableDescription": schema.description, **entries}


def _format(path: Path) -> str:
    if path.suffix == ".tsv":
        return "tsv"
    if path.suffix != ".parquet":
        raise DataError(f"{path}: a table ends in .tsv or .parquet")
    require_pyarrow(path)
    return "parquet"


def require_pyarrow(path: Path) -> None:
    """Raise what to do when a Parquet file is to be read or written and pyarrow is not installed."""
    if find_spec("pyarrow") is None:
        raise ToolError(f"{path}: Parquet needs pyarrow; run `pip install plausibrain[parquet]`, or use .tsv")


def _check_names(names: Iterable[str], schema: Schema, path: Path) -> None:
    present = list(names)
    absent = [c.name for c in schema.columns if c.name not in present and c.name not in schema.optional]
    unknown = [name for name in present if schema.column(name) is None]
    twice = sorted({name for name in present if present.count(name) > 1})
    problems = {"lacks": absent, "has unknown": unknown, "repeats": twice}
    parts = [f"{verb} column {', '.join(columns)}" for verb, columns in problems.items() if columns]
    if parts:
        raise DataError(
            f"{path}: table {schema.name!r} {'; '.join(parts)}; found {', '.join(present) or 'no columns'}"
        )


def _conform(table: pd.DataFrame, schema: Schema, path: Path) -> pd.DataFrame:
    _check_names([str(name) for name in table.columns], schema, path)
    first = [column.name for column in schema.columns if column.name in table.columns]
    further = [name for name in table.columns if name not in first]
    columns = {name: _cast(table[name], schema, path) for name in [*first, *further]}
    return pd.DataFrame(columns, columns=[*first, *further]).reset_index(drop=True)


def _cast(values: pd.Series, schema: Schema, path: Path) -> pd.Series:
    column = schema.column(str(values.name))
    dtype = "str" if column is None else column.dtype
    try:
        return _CASTS[dtype](values.reset_index(drop=True))
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"{path}: column {values.name!r} of table {schema.name!r} shall hold {dtype}: {error}"
        ) from error


def _to_float(values: pd.Series) -> pd.Series:
    return pd.Series(pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan))


def _to_int(values: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(values)
    if pd.api.types.is_integer_dtype(numbers.dtype) and not numbers.hasnans:
        return numbers.astype(np.int64)
    floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = floats[~np.isnan(floats)]
    if not np.all(whole == np.round(whole)) or np.any(np.abs(whole) > _EXACT_INTEGERS):
        raise ValueError("a value is not a whole number, or too large to stand beside missing ones")
    return (
        pd.Series(floats)
        if whole.size < floats.size or not floats.size
        else pd.Series(floats.astype(np.int64))
    )


def _to_bool(values: pd.Series) -> pd.Series:
    truths = {"true": True, "false": False}
    flags = values.map(lambda value: truths.get(str(value).lower()))
    if flags.isna().any():
        raise ValueError(f"{values[flags.isna()].iloc[0]!r} is neither true nor false")
    return flags.astype(bool)


def _to_str(values: pd.Series) -> pd.Series:
    texts = values.astype("str").where(values.notna() & (values != MISSING))
    if texts.str.contains("\0", regex=False).any():
        raise ValueError("a text holds a NUL character")
    return texts


_CASTS = {"float": _to_float, "int": _to_int, "bool": _to_bool, "str": _to_str}


def _write_tsv(table: pd.DataFrame, path: Path, schema: Schema) -> None:
    """Write by columns: three times as fast as `DataFrame.to_csv`, with the same digits."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("\t".join(_quote(str(name)) for name in table.columns) + "\n")
        for start in range(0, len(table), _ROWS_AT_A_TIME):
            part = table.iloc[start : start + _ROWS_AT_A_TIME]
            columns = [_cells(part[name], schema.column(str(name))) for name in table.columns]
            rows = ("\t".join(row) for row in zip(*columns, strict=True))
            stream.writelines((row or '""') + "\n" for row in rows)  # a lone empty text is no empty line


def _cells(values: pd.Series, column: Column | None) -> list[str]:
    """Texts of a column; `repr` gives the fewest digits that read back exactly."""
    dtype = "str" if column is None else column.dtype
    if dtype == "bool":
        return ["true" if value else "false" for value in values.tolist()]
    if dtype == "float":
        return [repr(value) if value == value else MISSING for value in values.tolist()]
    if dtype == "int":
        return [str(int(value)) if value == value else MISSING for value in values.tolist()]
    return [_quote(value) if isinstance(value, str) else MISSING for value in values.tolist()]


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return next(csv.reader(stream, delimiter="\t"), [])
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8; save the table as UTF-8") from error


def _read_tsv(path: Path, header: list[str], schema: Schema) -> pd.DataFrame:
    columns = [schema.column(name) or Column(name, "str", "") for name in header]
    dtypes = {column.name: "float64" if column.dtype == "float" else "str" for column in columns}
    na_values = {column.name: [MISSING] if column.dtype == "str" else [MISSING, ""] for column in columns}
    options: dict[str, Any] = {
        "sep": "\t",
        "keep_default_na": False,
        "na_values": na_values,
        "skip_blank_lines": False,
        "encoding": "utf-8",
        "index_col": False,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(path, dtype=dtypes, **EXACT_FLOATS, **options)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8; save the table as UTF-8") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(
            f"{path}: cannot be read as a table ({error}); separate the columns by tabs"
        ) from error
    except ValueError as error:
        raise DataError(_first_bad_number(path, columns, options) or f"{path}: {error}") from error


def _first_bad_number(path: Path, columns: list[Column], options: dict[str, Any]) -> str | None:
    texts = pd.read_csv(path, dtype="str", **options)
    for column in columns:
        if column.dtype == "float":
            bad = texts[column.name].notna() & pd.to_numeric(texts[column.name], errors="coerce").isna()
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                value = texts[column.name].iloc[row]
                return (
                    f"{path}: line {row + 2}, column {column.name!r}: {value!r} is not a number; "
                    f"correct it or write {MISSING}"
                )
    return None


def finite_or_none(value: float) -> float | None:
    """Return the number, or None when it is NaN or infinite: what JSON can hold.

    Parameters
    ----------
    value : float
        Any number.

    Returns
    -------
    float or None
    """
    return float(value) if math.isfinite(value) else None
