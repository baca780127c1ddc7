"""What a generator was asked for: definition and range of every condition, and requests beyond it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.requested_volumes import REQUESTED_VOLUMES
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.text_files import read_json

#: Beside the participants of a generated cohort.
RECORD = "requests.json"
AGE = "age"
UNITS = {AGE: "years"}


def definition_of(column: str) -> tuple[str, str]:
    """Return what a condition is and its unit.

    Examples
    --------
    >>> definition_of("age")
    ('age', 'years')
    """
    one = REQUESTED_VOLUMES.get(column)
    if one is not None:
        return one.definition, "mm3"
    plain = column.removeprefix("requested_")
    return plain, UNITS.get(plain, "")


def write_request_record(
    folder: Path, subjects: pd.DataFrame, ranges: Mapping[str, tuple[float, float]]
) -> Path:
    """Write which conditions a cohort was generated with, what they are, and which requests go beyond them.

    Parameters
    ----------
    folder : Path
    subjects : DataFrame
        The requests.
    ranges : mapping of str to (float, float)
        Smallest and largest value of every condition that the model was trained on.
    """
    conditions = []
    for column, (low, high) in ranges.items():
        meaning, unit = definition_of(column)
        values = pd.to_numeric(subjects[column], errors="coerce") if column in subjects else pd.Series([])
        conditions.append(
            {
                "column": column, "definition": meaning, "unit": unit, "low": low, "high": high,
                "n": int(values.notna().sum()), "n_below": int((values < low).sum()),
                "n_above": int((values > high).sum()),
            }
        )  # fmt: skip
    text = json.dumps({"conditions": conditions}, indent=1) + "\n"
    return write_text_atomic(folder / RECORD, text)


def request_notes(folder: Path) -> tuple[Note, ...]:
    """Return one note for each condition with requests outside the range of its model.

    Parameters
    ----------
    folder : Path
        Folder or table of a cohort; one without the record gives no notes.
    """
    try:
        content = read_json(folder / RECORD)
    except (FileNotFoundError, NotADirectoryError, DataError):
        return ()
    rows = content.get("conditions") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        return ()
    return tuple(note for row in rows if isinstance(row, dict) and (note := _note(row)) is not None)


def _note(row: dict[str, object]) -> Note | None:
    numbers = [row.get(key) for key in ("n_below", "n_above", "n", "low", "high")]
    if not all(isinstance(value, int | float) for value in numbers):
        return None
    below, above, n, low, high = (float(value) for value in numbers if isinstance(value, int | float))
    if not below + above:
        return None
    message = (
        f"{below + above:.0f} of {n:.0f} requests lie outside what the model was trained on "
        f"({low:,.0f} to {high:,.0f} {row.get('unit')}; {row.get('definition')}): {below:.0f} below, "
        f"{above:.0f} above"
    )
    return Note("warning", str(row.get("column")), None, "", message)
