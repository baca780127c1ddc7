"""What the data dictionary beside a table (BIDS) says about ages and sexes: units and levels."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.sexes import WORDS
from plausibrain.cohorts.structures import canonical_name
from plausibrain.cohorts.text_files import read_json

_UNITS = {
    "month": "months", "months": "months", "mo": "months", "week": "weeks", "weeks": "weeks", "wk": "weeks",
    "day": "days", "days": "days",
}  # fmt: skip


_VOLUME_UNITS = {"ml": "mL", "millilitre": "mL", "milliliter": "mL", "cm3": "mL", "cm^3": "mL", "cc": "mL"}


class Dictionary(NamedTuple):
    """Unit of the ages and coding of the sexes where they are stated and not the usual ones, and notes."""

    age_unit: str | None = None
    sex_coding: str | None = None
    notes: tuple[Note, ...] = ()


def stated_volume_unit(table: Path, columns: Iterable[object]) -> tuple[str | None, tuple[Note, ...]]:
    """Return the unit of volumes where the data dictionary of a table states one that is not mm3, and a note.

    Raises
    ------
    DataError
        When the dictionary is no readable JSON, or structures are stated in different units.
    """
    try:
        content = read_json(table.with_suffix(".json"))
    except FileNotFoundError:
        return None, ()
    if not isinstance(content, dict):
        return None, ()
    units_by_column = {}
    for header in map(str, columns):
        units = _entry(content, header).get("Units")
        if units is not None and canonical_name(header.removeprefix("vol_")) is not None:
            units_by_column[header] = _VOLUME_UNITS.get(str(units).strip().casefold().replace("³", "3"))
    if len(set(units_by_column.values())) > 1:
        raise DataError(
            f"{table.with_suffix('.json')}: states different units of volume; convert one of them"
        )
    unit = next(iter(units_by_column.values()), None)
    message = f"{table.stem}.json states that volumes are in {unit}"
    return unit, (Note("coerced", next(iter(units_by_column)), None, str(unit), message),) if unit else ()


def read_dictionary(table: Path, columns: Mapping[str, str]) -> Dictionary:
    """Return what ``participants.json`` says of the columns of age and sex.

    Parameters
    ----------
    table : Path
        ``participants.tsv``; the dictionary lies beside it with the ending ``.json``.
    columns : mapping of str to str
        From `plausibrain.cohorts.participant_columns.find_columns`.

    Raises
    ------
    DataError
        When the dictionary is no readable JSON.
    """
    try:
        content = read_json(table.with_suffix(".json"))
    except FileNotFoundError:
        return Dictionary()
    if not isinstance(content, dict):
        raise DataError(f"{table.with_suffix('.json')}: expected one JSON object with an entry per column")
    age, sex = (_entry(content, columns.get(name)) for name in ("age", "sex"))
    unit = _UNITS.get(str(age.get("Units", "")).strip().casefold())
    coding = _coding(sex.get("Levels"))
    notes = [
        Note("coerced", columns[name], None, meaning, f"{table.stem}.json states {what} {meaning}")
        for name, what, meaning in (("age", "the unit", unit), ("sex", "the levels", coding))
        if meaning
    ]
    return Dictionary(unit, coding, tuple(notes))


def _entry(content: Mapping[str, Any], header: str | None) -> Mapping[str, Any]:
    entry = content.get(header) if header is not None else None
    return entry if isinstance(entry, dict) else {}


def _coding(levels: object) -> str | None:
    """Coding of numeric levels that name both sexes; words need none."""
    if not isinstance(levels, dict):
        return None
    pairs = {}
    for code, meaning in levels.items():
        text = meaning.get("Description", "") if isinstance(meaning, dict) else meaning
        words = str(text).strip().casefold().split()
        sex = WORDS.get(words[0].strip(".,;")) if words else None
        if sex is not None and str(code).strip().lstrip("+-").isdigit():
            pairs[str(code).strip()] = sex
    if set(pairs.values()) != {"M", "F"}:
        return None
    return ",".join(f"{code}={sex}" for code, sex in pairs.items())
