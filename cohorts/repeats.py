"""Rows with the same id: copies are dropped, sessions and seeds are kept, anything else is refused."""

import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note

POLICIES = (None, "first")
_SHOWN = 30


def resolve_repeats(
    raw: pd.DataFrame, columns: dict[str, str], *, source: str, repeats: str | None = None
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Drop copied rows, and refuse repeated ids that nothing tells apart.

    Parameters
    ----------
    raw : DataFrame
        A whole table, its lines as index.
    columns : dict
        From `plausibrain.cohorts.participant_columns.find_columns`.
    source : str
        File, for messages.
    repeats : {None, "first"}
        What to do with rows that share an id but not their values: refuse them, or keep the first of each id.

    Returns
    -------
    DataFrame, tuple of Note
        The rows that stay, and what was dropped.

    Raises
    ------
    DataError
        When ids repeat with different values and no session, run or seed tells the rows apart.
    """
    if repeats not in POLICIES:
        raise DataError(f"repeats={repeats!r} is unknown; leave it out or use 'first'")
    keys = [columns[name] for name in ("participant_id", "session", "seed") if name in columns]
    identifier = raw[keys[0]]
    copies = raw.duplicated()
    unique, notes = raw[~copies], _copies_note(identifier, copies)
    again = unique.duplicated(subset=keys)
    if not again.any():
        return unique, notes
    if repeats == "first":
        return unique[~again], (*notes, _first_note(identifier[again.index[again]]))
    raise DataError(_refusal(unique, keys, again, source))


def _copies_note(identifier: pd.Series, copies: pd.Series) -> tuple[Note, ...]:
    if not copies.any():
        return ()
    extra = identifier[copies]
    message = f"{int(copies.sum())} rows are exact copies and were dropped: {_subjects(extra)}"
    return (Note("duplicate", str(identifier.name), int(extra.index[0]), str(extra.iloc[0]), message),)


def _first_note(extra: pd.Series) -> Note:
    message = f"{len(extra)} further rows dropped, the first of each kept: {_subjects(extra)}"
    return Note("duplicate", str(extra.name), int(extra.index[0]), str(extra.iloc[0]), message)


def _subjects(ids: pd.Series) -> str:
    """Count and list of subjects, cut when it is long."""
    unique = [str(value) for value in pd.unique(ids)]
    more = f" and {len(unique) - _SHOWN} more" if len(unique) > _SHOWN else ""
    subjects = "subject" if len(unique) == 1 else "subjects"
    return f"{len(unique)} {subjects} ({', '.join(unique[:_SHOWN])}{more})"


def _refusal(table: pd.DataFrame, keys: list[str], again: pd.Series, source: str) -> str:
    line = again.index[again][0]
    value = table.loc[line, keys[0]]
    first = table.index[(table[keys] == table.loc[line, keys]).all(axis=1)]
    lines = f"lines {first[0]} and {line}" if len(first) else f"line {line}"
    return (
        f"{source}: {lines}: {keys[0]} {value!r} stands in several rows with different values "
        f"({int(again.sum())} such rows); add a session or seed column that tells them apart, "
        "or keep the first of each with repeats='first'"
    )
