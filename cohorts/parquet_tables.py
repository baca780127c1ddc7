"""Tables in Parquet as users send them: typed columns become what the same table in text would be."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.tables import require_pyarrow
from plausibrain.cohorts.text_files import require_regular_file

PARQUET = ".parquet"
#: How missing values are written in tables of text, and so in text columns of Parquet files too.
MISSING_WORDS = ("", "n/a", "N/A", "NA", "na", "NaN", "nan", "NULL", "null", "None", "none", ".", "#N/A")


def read_parquet(path: Path, is_text: Callable[[str], bool]) -> tuple[list[str], pd.DataFrame]:
    """Return the header of a Parquet file and its columns, numbered; rows are counted from 2, as lines are.

    Parameters
    ----------
    path : Path
    is_text : callable
        Whether a column of this name becomes text; the others become numbers where every value is one.

    Raises
    ------
    DataError
        When the file is absent or no Parquet file.
    ToolError
        Without pyarrow.
    """
    require_pyarrow(path)
    try:
        table = pd.read_parquet(require_regular_file(path))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error}); give a table in Parquet or in text") from error
    except ValueError as error:  # what pyarrow raises of a file that is no Parquet
        raise DataError(f"{path}: is no Parquet file ({error}); export the table again") from error
    if not isinstance(table.index, pd.RangeIndex):  # ids that pandas kept as the index
        table = table.reset_index()
    header = [str(name).strip() for name in table.columns]
    columns = {
        i: (_text if is_text(name) else _values)(table.iloc[:, i].reset_index(drop=True))
        for i, name in enumerate(header)
    }
    frame = pd.DataFrame(columns)
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="line")
    return header, frame


def column_names(path: Path) -> list[str]:
    """Return the names of the columns of a Parquet file, without reading these."""
    require_pyarrow(path)
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    try:
        return [str(name) for name in read_schema(require_regular_file(path)).names]
    except ArrowException as error:
        raise DataError(f"{path}: is no Parquet file ({error}); export the table again") from error


def _values(column: pd.Series) -> pd.Series:
    """Return numbers as they are, and texts as numbers where every one is a number."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype(object).where(column.notna())
    if pd.api.types.is_numeric_dtype(column.dtype):
        if pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans:
            return column.astype(np.int64)
        return pd.Series(column.to_numpy(dtype=float, na_value=np.nan))
    texts = _text(column)
    numbers = pd.to_numeric(texts, errors="coerce")
    return numbers if numbers.notna().equals(texts.notna()) else texts


def _text(column: pd.Series) -> pd.Series:
    """Return a column as text; whole numbers have no decimal point, missing values are NaN."""
    texts = [_written(value) for value in column.astype(object).tolist()]
    return pd.Series([np.nan if text in MISSING_WORDS else text for text in texts], dtype=object)


def _written(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    return str(value).strip()
