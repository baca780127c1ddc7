"""Puts the parts of a cohort together: people, volumes, quality scores and images, joined by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from plausibrain.cohorts.cells import as_text
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.identity import bids_name, match_ids
from plausibrain.cohorts.locations import Locations, image_stem
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.participants import parse_participants
from plausibrain.cohorts.people_columns import find_columns, is_text_column
from plausibrain.cohorts.raw_tables import read_raw_table
from plausibrain.cohorts.repeats import resolve_repeats
from plausibrain.cohorts.volume_tables import VolumeTable, split_volume_table

_SHOWN = 10


class Reading(NamedTuple):
    """How ambiguous tables shall be read; see `plausibrain.cohorts.cohort.read_cohort`."""

    sex_coding: str | None = None
    age_unit: str | None = None
    volume_unit: str | None = None
    repeats: str | None = None
    encoding: str | None = None


@dataclass
class Parts:
    """What a cohort is made of; rows aligned."""

    people: pd.DataFrame
    volumes: pd.DataFrame | None
    qc: pd.DataFrame | None
    images: tuple[Path | None, ...] | None
    segmenter: str
    notes: tuple[Note, ...]


class _Table(NamedTuple):
    """A volume table and the name of each of its rows."""

    path: Path
    names: list[str]
    content: VolumeTable


def assemble(files: Locations, reading: Reading) -> Parts:
    """Read the files of a cohort and join them by id.

    Parameters
    ----------
    files : Locations
        Where they lie.
    reading : Reading
        How to read them.

    Returns
    -------
    Parts

    Raises
    ------
    DataError
        For anything missing, broken or ambiguous.
    """
    main, notes = _read(files.people, reading)
    people, more = parse_participants(
        main.content.rest, source=str(files.people), sex_coding=reading.sex_coding, age_unit=reading.age_unit
    )
    notes = [*notes, *more]
    people = _excluded(people.reset_index(drop=True), main.content.reason.to_numpy(dtype=object))
    volumes = None if main.content.volumes.empty else main.content.volumes.reset_index(drop=True)
    qc = None if main.content.qc is None else main.content.qc.reset_index(drop=True)
    parts = Parts(people, volumes, qc, None, main.content.segmenter, ())
    if files.images:
        _add_images(parts, files, notes)
    if files.volumes is not None and files.volumes != files.people:
        _add_volumes(parts, _volume_table(files.volumes, reading, notes), notes)
    if files.qc is not None and files.qc not in (files.people, files.volumes):
        _add_qc(parts, _volume_table(files.qc, reading, notes), notes)
    _explain_no_volumes(parts, files, notes)
    parts.notes = tuple(notes)
    return parts


def _read(path: Path, reading: Reading) -> tuple[_Table, list[Note]]:
    raw, notes = read_raw_table(path, encoding=reading.encoding, is_text=is_text_column)
    columns = find_columns(raw.columns)
    dropped: tuple[Note, ...] = ()
    if "participant_id" in columns:
        raw, dropped = resolve_repeats(raw, columns, source=str(path), repeats=reading.repeats)
    content = split_volume_table(raw, source=str(path), unit=reading.volume_unit)
    names = _row_names(raw, columns) if "participant_id" in columns else []
    return _Table(path, names, content), [*notes, *dropped, *content.notes]


def _volume_table(path: Path, reading: Reading, notes: list[Note]) -> _Table:
    table, more = _read(path, reading)
    notes.extend(more)
    if not table.names:
        found = ", ".join(map(str, table.content.rest.columns[:10])) or "only numbers"
        raise DataError(f"{path}: no column of ids to join by; found {found}; add a participant_id column")
    if table.content.volumes.empty and table.content.qc is None:
        raise DataError(
            f"{path}: no column names a structure; use the names of SynthSeg or FreeSurfer, "
            "such as 'left hippocampus' or 'Left-Hippocampus'"
        )
    return table


def _row_names(raw: pd.DataFrame, columns: dict[str, str]) -> list[str]:
    """Id of every row, with its session where the id repeats."""
    ids = as_text(raw[columns["participant_id"]]).fillna("")
    if "session" in columns:
        repeated = ids.duplicated(keep=False)
        label = as_text(raw[columns["session"]]).fillna("none").str.replace(r"[^0-9A-Za-z]+", "", regex=True)
        ids = ids.mask(repeated, ids + "_ses-" + label)
    return [str(identifier) for identifier in ids]


def _add_images(parts: Parts, files: Locations, notes: list[Note]) -> None:
    stems = [image_stem(path) for path in files.images]
    rows = _join(parts, stems, f"{files.folder}: image", notes)
    parts.images = tuple(files.images[i] if i >= 0 else None for i in rows)
    if parts.volumes is None and files.volumes is None:
        _exclude_unmatched(parts, rows, f"no image in {files.folder}", notes)


def _add_volumes(parts: Parts, table: _Table, notes: list[Note]) -> None:
    rows = _join(parts, table.names, f"{table.path}: row", notes)
    if parts.volumes is not None:
        message = f"volumes of the table of people ignored, those of {table.path.name} used"
        notes.append(Note("ignored", "", None, "", message))
    parts.volumes = _aligned(table.content.volumes, rows)
    parts.qc = _aligned(table.content.qc, rows) if table.content.qc is not None else parts.qc
    parts.segmenter = table.content.segmenter
    if parts.segmenter == "unknown" and table.path.parent.parent.name == "derivatives":
        parts.segmenter = table.path.parent.name
    reasons = np.array([*table.content.reason, ""], dtype=object)
    parts.people = _excluded(parts.people, reasons[rows])
    _exclude_unmatched(parts, rows, f"no row in {table.path.name}", notes)


def _add_qc(parts: Parts, table: _Table, notes: list[Note]) -> None:
    if table.content.qc is None:
        raise DataError(f"{table.path}: no quality scores; expected the columns of SynthSeg's --qc table")
    rows = _join(parts, table.names, f"{table.path}: row", notes)
    parts.qc = _aligned(table.content.qc, rows)


def _join(parts: Parts, names: Sequence[str], what: str, notes: list[Note]) -> np.ndarray:
    """Find the entry that belongs to each row, or -1; a person with several gets several rows."""
    ids = parts.people["participant_id"].tolist()
    person_of = match_ids(names, ids)
    strangers = [name for name, position in zip(names, person_of, strict=True) if position < 0]
    if len(strangers) == len(names):
        raise DataError(
            f"{what}s do not match the ids of the people: "
            f"{_list(names)} against {_list(ids)}; use the same ids"
        )
    if strangers:
        message = f"{what}s without a person: {_list(strangers)}"
        notes.append(Note("warning", "participant_id", None, strangers[0], message))
    entries = np.flatnonzero(person_of >= 0)
    if len(np.unique(person_of[entries])) < entries.size:
        return _multiplied(parts, names, person_of, what, notes)
    rows = np.full(len(ids), -1, dtype=np.intp)
    rows[person_of[entries]] = entries
    return rows


def _multiplied(
    parts: Parts, names: Sequence[str], person_of: np.ndarray, what: str, notes: list[Note]
) -> np.ndarray:
    """One row for every session or run of a person; the person stays the cluster."""
    entries = np.flatnonzero(person_of >= 0)
    counts = np.bincount(person_of[entries], minlength=len(parts.people))
    several = entries[counts[person_of[entries]] > 1]
    found = {int(i): bids_name(names[i]) for i in several}
    labels = {i: name.session for i, name in found.items() if name is not None and name.session}
    if len(labels) < several.size or parts.images is not None or parts.volumes is not None:
        first = [names[i] for i in several if person_of[i] == person_of[several[0]]]
        raise DataError(
            f"{what}s: {_list(first)} all belong to "
            f"{parts.people['participant_id'][person_of[several[0]]]!r}, and no "
            "session (ses-, run-) tells them apart; choose with images='*_pattern.nii.gz', or rename them"
        )
    order = np.concatenate([entries, np.full(int((counts == 0).sum()), -1)])
    owner = np.concatenate([person_of[entries], np.flatnonzero(counts == 0)])
    sorting = np.argsort(owner, kind="stable")
    rows, owner = order[sorting], owner[sorting]
    parts.people = parts.people.iloc[owner].reset_index(drop=True)
    parts.qc = None if parts.qc is None else parts.qc.iloc[owner].reset_index(drop=True)
    _name_sessions(parts.people, rows, labels)
    message = f"{several.size} rows of people with several sessions; age and sex are those of the table"
    notes.append(Note("warning", "session", None, names[several[0]], message))
    return rows


def _name_sessions(people: pd.DataFrame, rows: np.ndarray, labels: dict[int, str]) -> None:
    session = pd.Series([labels.get(int(i), "") for i in rows], dtype="str")
    tagged = session != ""
    tag = ("_ses-" + session).str.replace("_ses-run-", "_run-", regex=False)
    people.loc[tagged, "participant_id"] += tag[tagged]
    given = people["session"] if "session" in people else pd.Series("", index=people.index, dtype="str")
    named = given.mask(tagged, session)
    people["session"] = named.where(named != "")


def _aligned(table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """Rows of a table in the order of the cohort, NaN where it has none."""
    values = np.vstack([table.to_numpy(dtype=np.float64), np.full((1, table.shape[1]), np.nan)])
    return pd.DataFrame(values[rows], columns=table.columns)


def _exclude_unmatched(parts: Parts, rows: np.ndarray, why: str, notes: list[Note]) -> None:
    missing = rows < 0
    if missing.any():
        ids = parts.people.loc[missing, "participant_id"].tolist()
        message = f"{len(ids)} rows excluded, {why}: {_list(ids)}"
        notes.append(Note("excluded", "participant_id", None, ids[0], message))
        parts.people = _excluded(parts.people, np.where(missing, why, ""))


def _excluded(people: pd.DataFrame, reasons: np.ndarray) -> pd.DataFrame:
    """Mark rows that have a reason and had none before."""
    fresh = (people["reason"] == "").to_numpy() & (reasons != "")
    return people.assign(
        status=people["status"].mask(fresh, "excluded"),
        reason=people["reason"].mask(fresh, pd.Series(reasons, index=people.index)),
    )


def _explain_no_volumes(parts: Parts, files: Locations, notes: list[Note]) -> None:
    if parts.volumes is None and parts.images is None:
        message = (
            f"{files.people.name} has no column that names a structure, and no images were found: people only"
        )
        notes.append(Note("warning", "", None, "", message))


def _list(values: Sequence[str]) -> str:
    shown = ", ".join(values[:_SHOWN])
    return f"{shown} and {len(values) - _SHOWN} more" if len(values) > _SHOWN else shown
