"""Tables as users send them: any delimiter, a byte-order mark, `n/a` in several spellings, repeated headers.

Nothing is interpreted here. The index of the result is the line of the file as a subject sees it: the header
is line 1.
"""

import csv
import io
import os
import re
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from plausibrain.cohorts.cells import as_numbers
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.parquet_tables import MISSING_WORDS, PARQUET, read_parquet
from plausibrain.cohorts.tables import EXACT_FLOATS
from plausibrain.cohorts.text_files import require_regular_file

_DELIMITERS = "\t,;|"
_MAX_BYTES = 4_000_000_000
_MAX_COLUMNS = 20_000
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class RawTable(NamedTuple):
    """A table with its lines as index, and notes on what was odd in its form."""

    frame: pd.DataFrame
    notes: tuple[Note, ...]


def read_raw_table(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    is_text: Callable[[str], bool] = lambda name: True,
) -> RawTable:
    """Read a table: delimited text, or Parquet where the file is called so.

    Parameters
    ----------
    path : path-like
        Delimited by tabs, commas, semicolons, bars or spaces; or ends in ``.parquet``.
    encoding : str or None
        Of the file; None means UTF-8, with or without byte-order mark.
    is_text : callable
        Whether a column of this name keeps its text as it stands; the others become numbers where every
        value is one.

    Returns
    -------
    RawTable
        Missing values are NaN.

    Raises
    ------
    DataError
        When the file is absent, empty, not text in this encoding, or its rows do not fit its header.
    ToolError
        For Parquet without pyarrow.
    """
    target = Path(path)
    if target.suffix.lower() == PARQUET:
        return _finished(*read_parquet(target, is_text), target)
    content = _decode(target, encoding)
    text = content.lstrip("\r\n")
    delimiter = _delimiter(text)
    header = _header(text, delimiter, target)
    frame = _parse(text, delimiter, header, is_text, target)
    frame.index += content.count("\n", 0, len(content) - len(text))  # blank lines above the header
    frame, repeat_notes = _without_repeated_header(frame, header, is_text)
    table = _finished(header, frame, target)
    return table._replace(notes=(*repeat_notes, *table.notes))


def _finished(header: list[str], frame: pd.DataFrame, path: Path) -> RawTable:
    """Name the columns of a table with numbered ones; drop empty rows and columns, and repeated columns."""
    frame = frame[frame.notna().any(axis=1)]
    header, frame = _without_empty_ends(header, frame)
    if frame.empty:
        raise DataError(f"{path}: has a header but no rows; give a table with at least one subject")
    return _without_repeated_columns(frame, header, path)


def _without_repeated_header(
    frame: pd.DataFrame, header: list[str], is_text: Callable[[str], bool]
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Drop rows that repeat the header, as joined files have them."""
    rows = frame[frame[0].astype("str") == header[0]]
    lines = [line for line, row in zip(rows.index, rows.astype("str").to_numpy(), strict=True)
             if row.tolist() == header]  # fmt: skip
    if not lines:
        return frame, ()
    body = frame.drop(index=lines)
    for i, name in enumerate(header):
        numbers = as_numbers(body[i])
        if not is_text(name) and numbers.notna().eq(body[i].notna()).all():
            body[i] = numbers
    message = f"{len(lines)} rows repeat the header and were dropped: the table was joined from several"
    return body, (Note("ignored", header[0], int(lines[0]), header[0], message),)


def _decode(path: Path, encoding: str | None) -> str:
    try:
        content = require_regular_file(path, max_bytes=_MAX_BYTES).read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give a table in a text file") from error
    if content.startswith(_UTF16) and encoding is None:
        raise DataError(f"{path}: is UTF-16; save it as UTF-8, or give encoding='utf-16'")
    if b"\0" in content and encoding is None:
        raise DataError(f"{path}: is not a text file; export the table as CSV or TSV")
    text = _text(content, encoding, path)
    text = text if "\n" in text else text.replace("\r", "\n")  # line ends of old Macs and some exports
    if not text or text.isspace():
        raise DataError(f"{path}: is empty; give a table with a header and at least one row")
    return text


def _text(content: bytes, encoding: str | None, path: Path) -> str:
    try:
        return content.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}: line {line}: byte 0x{content[error.start]:02X} is not {encoding or 'UTF-8'}; "
            "save the file as UTF-8, or give its encoding, for example encoding='latin-1'"
        ) from error
    except LookupError as error:
        raise DataError(f"{path}: no encoding is called {encoding!r}; use for example 'latin-1'") from error


def _delimiter(text: str) -> str:
    """Candidate that cuts header and first row alike, else the most frequent, else white space."""
    top = "".join(islice(_lines(text), 20))
    lines = [re.sub(r'"[^"]*"', "", line) for line in top.splitlines()[:20] if line.strip()]
    header, row = lines[0], lines[min(1, len(lines) - 1)]
    best = max(_DELIMITERS, key=lambda d: (d in header and header.count(d) == row.count(d), header.count(d)))
    if best in header:
        return best
    widths = {len(line.split()) for line in lines[1:]}
    return r"\s+" if len(widths) == 1 and widths != {1} else ","


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text with their ends, without a copy of what is not asked for."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _header(text: str, delimiter: str, path: Path) -> list[str]:
    first = next(_lines(text))
    if first.count(delimiter) > 10 * _MAX_COLUMNS:
        raise DataError(f"{path}: its first line has over {10 * _MAX_COLUMNS:,} columns; check the file")
    if delimiter == r"\s+":
        return next(line for line in _lines(text) if line.strip()).split()
    header = [name.strip() for name in next(csv.reader(_lines(text), delimiter=delimiter))]
    if len(header) > _MAX_COLUMNS:
        raise DataError(
            f"{path}: its first line has {len(header):,} columns, at most {_MAX_COLUMNS:,} are read"
        )
    if not any(header):
        raise DataError(f"{path}: its first line names no columns; put a header there")
    return header


def _parse(
    text: str, delimiter: str, header: list[str], is_text: Callable[[str], bool], path: Path
) -> pd.DataFrame:
    """Columns are numbered here, because names may repeat."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(text.encode()),  # a StringIO takes four bytes a character
                encoding="utf-8",
                sep=delimiter,
                header=None,
                names=list(range(len(header))),
                skiprows=1,
                index_col=False,
                dtype={i: str for i, name in enumerate(header) if is_text(name)},
                keep_default_na=False,
                na_values=list(MISSING_WORDS),
                skip_blank_lines=False,
                skipinitialspace=True,
                low_memory=False,
                **EXACT_FLOATS,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        long = isinstance(error, pd.errors.ParserWarning)
        problem = "its rows have more" if long else str(error).strip().rpartition("error: ")[2]
        raise DataError(
            f"{path}: a row does not fit the header of {len(header)} columns ({problem}); "
            "check the header, and for delimiters or quotes inside values"
        ) from error
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="line")
    return frame


def _without_empty_ends(header: list[str], frame: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Drop the nameless empty columns that a delimiter at the end of every line makes."""
    width = len(header)
    while width > 1 and not header[width - 1] and frame[width - 1].isna().all():
        width -= 1
    return header[:width], frame[list(range(width))]


def _without_repeated_columns(frame: pd.DataFrame, header: list[str], path: Path) -> RawTable:
    """Drop a column that repeats another in name and content; refuse one that repeats it in name alone."""
    keep: dict[str, int] = {}
    copies = []
    for position, name in enumerate(header):
        if name not in keep:
            keep[name] = position
        elif frame[position].equals(frame[keep[name]]):
            copies.append(name)
        else:
            raise DataError(
                f"{path}: two columns are called {name!r} and differ; rename or remove one of them"
            )
    columns = frame[list(keep.values())].set_axis(list(keep), axis=1)
    note = (
        Note("ignored", copies[0], 1, "", f"repeated identical columns dropped: {', '.join(copies)}")
        if copies
        else None
    )
    return RawTable(columns, (note,) if note else ())
