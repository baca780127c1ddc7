"""Puts the parts of a cohort together: subjects, volumes, quality scores and images, joined by id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from plausibrain.cohorts.cells import as_text
from plausibrain.cohorts.column_meaning import columns_of
from plausibrain.cohorts.data_dictionary import read_dictionary, stated_volume_unit
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.identity import bids_name, file_stem, match_ids
from plausibrain.cohorts.locations import Locations, image_stem
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.other_programs import described_columns
from plausibrain.cohorts.participant_columns import find_columns, is_text_column
from plausibrain.cohorts.participants import parse_participants
from plausibrain.cohorts.raw_tables import read_raw_table
from plausibrain.cohorts.repeats import resolve_repeats
from plausibrain.cohorts.volume_tables import VolumeTable, split_volume_table

_SHOWN = 10
_CONTRAST = re.compile(r"_ce-[A-Za-z0-9]+")


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

    subjects: pd.DataFrame
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
    main, notes = _read_one(files.subjects, reading)
    dictionary = read_dictionary(files.subjects, find_columns(main.content.rest.columns))
    subjects, more = parse_participants(
        main.content.rest,
        source=str(files.subjects),
        sex_coding=reading.sex_coding or dictionary.sex_coding,
        age_unit=reading.age_unit or dictionary.age_unit,
    )
    notes = [*notes, *dictionary.notes, *more]
    subjects = mark_excluded(subjects.reset_index(drop=True), main.content.reason.to_numpy(dtype=object))
    volumes = None if main.content.volumes.empty else main.content.volumes.reset_index(drop=True)
    qc = None if main.content.qc is None else main.content.qc.reset_index(drop=True)
    parts = Parts(subjects, volumes, qc, None, main.content.segmenter, ())
    if files.images:
        _add_images(parts, files, notes)
    if files.volumes and files.volumes != (files.subjects,):
        _add_volumes(parts, _joined([_volume_table(path, reading, notes) for path in files.volumes]), notes)
    if files.qc is not None and files.qc not in (files.subjects, *files.volumes):
        _add_qc(parts, _volume_table(files.qc, reading, notes), notes)
    _explain_no_volumes(parts, files, main.content.rest.columns, notes)
    parts.notes = tuple(notes)
    return parts


def _read_one(path: Path, reading: Reading) -> tuple[_Table, list[Note]]:
    raw, notes = read_raw_table(path, encoding=reading.encoding, is_text=is_text_column)
    columns, _ = columns_of(raw, str(path))
    repeat_notes: tuple[Note, ...] = ()
    if "participant_id" in columns:
        raw, repeat_notes = resolve_repeats(raw, columns, source=str(path), repeats=reading.repeats)
    unit, unit_notes = stated_volume_unit(path, raw.columns)
    if reading.volume_unit is not None:
        unit, unit_notes = reading.volume_unit, ()
    content = split_volume_table(raw, source=str(path), unit=unit)
    names = _row_names(raw, columns) if "participant_id" in columns else []
    return _Table(path, names, content), [*notes, *unit_notes, *repeat_notes, *content.notes]


def _volume_table(path: Path, reading: Reading, notes: list[Note]) -> _Table:
    table, more = _read_one(path, reading)
    notes.extend(more)
    if not table.names:
        headers = ", ".join(map(str, table.content.rest.columns[:10])) or "only numbers"
        raise DataError(f"{path}: no column of ids to join by; found {headers}; add a participant_id column")
    if table.content.volumes.empty and table.content.qc is None:
        what = described_columns(table.content.rest.columns) or (
            "use the names of SynthSeg or FreeSurfer, such as 'left hippocampus' or 'Left-Hippocampus'"
        )
        raise DataError(f"{path}: no column names a structure; {what}")
    purposes = set(find_columns(table.content.rest.columns).values())
    others = [str(name) for name in table.content.rest.columns if name not in purposes]
    if others:
        message = f"{len(others)} columns of {path.name} not used: {_list(others)}"
        notes.append(Note("ignored", others[0], 1, "", message))
    return table


def _joined(tables: Sequence[_Table]) -> _Table:
    """One table of several about the same images, such as FreeSurfer's of each hemisphere.

    Raises
    ------
    DataError
        When no id is in all of them, or two of them give one structure and differ.
    """
    first = tables[0]
    for other in tables[1:]:
        first = _joined_pair(first, other)
    return first


def _joined_pair(first: _Table, other: _Table) -> _Table:
    places = {name: place for place, name in enumerate(other.names)}
    rows = np.array([places.get(name, -1) for name in first.names], dtype=np.intp)
    if (rows < 0).all():
        raise DataError(f"{other.path}: shares no id with {first.path}; give tables of the same images")
    volumes, more = first.content.volumes, _align(other.content.volumes, rows)
    more.index = volumes.index
    for name in volumes.columns.intersection(more.columns):
        both = volumes[name].notna() & more[name].notna()
        if not np.allclose(volumes.loc[both, name], more.loc[both, name], rtol=1e-4):
            raise DataError(f"{first.path} and {other.path} both give {name} and differ; remove one of them")
    fresh = more[more.columns.difference(volumes.columns, sort=False)]
    reasons = np.array([*other.content.reason, f"no row in {other.path.name}"], dtype=object)[rows]
    reason = first.content.reason.mask(first.content.reason == "", pd.Series(reasons, index=volumes.index))
    segmenters = {first.content.segmenter, other.content.segmenter} - {"unknown"}
    content = first.content._replace(
        volumes=pd.concat([volumes, fresh], axis=1),
        reason=reason.astype("str"),
        segmenter=segmenters.pop() if len(segmenters) == 1 else "unknown",
    )
    return first._replace(content=content)


def _row_names(raw: pd.DataFrame, columns: dict[str, str]) -> list[str]:
    """Id of every row, with its session where the id repeats."""
    ids = as_text(raw[columns["participant_id"]]).fillna("").map(file_stem)
    if "session" in columns:
        repeats = ids.duplicated(keep=False)
        label = as_text(raw[columns["session"]]).fillna("none").str.replace(r"[^0-9A-Za-z]+", "", regex=True)
        ids = ids.mask(repeats, ids + "_ses-" + label)
    return [str(identifier) for identifier in ids]


def _add_images(parts: Parts, files: Locations, notes: list[Note]) -> None:
    stems = [image_stem(path) for path in files.images]
    rows = _join(parts, stems, f"{files.folder}: image", notes)
    parts.images = tuple(files.images[i] if i >= 0 else None for i in rows)
    contrast = [stem for stem in stems if _CONTRAST.search(stem)]
    if contrast:
        message = (
            f"{len(contrast)} images were taken with a contrast agent (ce-), which brightens vessels and "
            f"changes volumes: {_list(contrast)}"
        )
        notes.append(Note("warning", "", None, contrast[0], message))
    if parts.volumes is None and not files.volumes:
        _exclude_unmatched(parts, rows, f"no image in {files.folder}", notes)


def _add_volumes(parts: Parts, table: _Table, notes: list[Note]) -> None:
    rows = _join(parts, table.names, f"{table.path}: row", notes)
    if parts.volumes is not None:
        message = f"volumes of the table of subjects ignored, those of {table.path.name} used"
        notes.append(Note("ignored", "", None, "", message))
    parts.volumes = _align(table.content.volumes, rows)
    parts.qc = _align(table.content.qc, rows) if table.content.qc is not None else parts.qc
    parts.segmenter = table.content.segmenter
    if parts.segmenter == "unknown" and table.path.parent.parent.name == "derivatives":
        parts.segmenter = table.path.parent.name
    reasons = np.array([*table.content.reason, ""], dtype=object)
    parts.subjects = mark_excluded(parts.subjects, reasons[rows])
    _exclude_unmatched(parts, rows, f"no row in {table.path.name}", notes)


def _add_qc(parts: Parts, table: _Table, notes: list[Note]) -> None:
    if table.content.qc is None:
        raise DataError(f"{table.path}: no quality scores; expected the columns of SynthSeg's --qc table")
    rows = _join(parts, table.names, f"{table.path}: row", notes)
    parts.qc = _align(table.content.qc, rows)


def _join(parts: Parts, names: Sequence[str], what: str, notes: list[Note]) -> np.ndarray:
    """Find the entry that belongs to each row, or -1; a subject with several gets several rows."""
    ids = parts.subjects["participant_id"].tolist()
    subject_of = match_ids(names, ids)
    strangers = [name for name, position in zip(names, subject_of, strict=True) if position < 0]
    if len(strangers) == len(names):
        raise DataError(
            f"{what}s do not match the ids of the subjects: "
            f"{_list(names)} against {_list(ids)}; use the same ids"
        )
    if strangers:
        message = f"{what}s without a subject: {_list(strangers)}"
        notes.append(Note("warning", "participant_id", None, strangers[0], message))
    entries = np.flatnonzero(subject_of >= 0)
    if len(np.unique(subject_of[entries])) < entries.size:
        return _multiply(parts, names, subject_of, what, notes)
    rows = np.full(len(ids), -1, dtype=np.intp)
    rows[subject_of[entries]] = entries
    return rows


def _multiply(
    parts: Parts, names: Sequence[str], subject_of: np.ndarray, what: str, notes: list[Note]
) -> np.ndarray:
    """One row for every session or run of a subject; the subject stays the cluster."""
    entries = np.flatnonzero(subject_of >= 0)
    counts = np.bincount(subject_of[entries], minlength=len(parts.subjects))
    several = entries[counts[subject_of[entries]] > 1]
    bids_names = {int(i): bids_name(names[i]) for i in several}
    labels = {i: name.session for i, name in bids_names.items() if name is not None and name.session}
    if len(labels) < several.size or parts.images is not None or parts.volumes is not None:
        first = [names[i] for i in several if subject_of[i] == subject_of[several[0]]]
        raise DataError(
            f"{what}s: {_list(first)} all belong to "
            f"{parts.subjects['participant_id'][subject_of[several[0]]]!r}, and no "
            "session (ses-, run-) tells them apart; choose, for example images='acq=mprage' or "
            "images='*_pattern.nii.gz', or rename them"
        )
    order = np.concatenate([entries, np.full(int((counts == 0).sum()), -1)])
    owner = np.concatenate([subject_of[entries], np.flatnonzero(counts == 0)])
    sorting = np.argsort(owner, kind="stable")
    rows, owner = order[sorting], owner[sorting]
    parts.subjects = parts.subjects.iloc[owner].reset_index(drop=True)
    parts.qc = None if parts.qc is None else parts.qc.iloc[owner].reset_index(drop=True)
    _name_sessions(parts.subjects, rows, labels)
    message = f"{several.size} rows of subjects with several sessions; age and sex are those of the table"
    notes.append(Note("warning", "session", None, names[several[0]], message))
    return rows


def _name_sessions(subjects: pd.DataFrame, rows: np.ndarray, labels: dict[int, str]) -> None:
    session = pd.Series([labels.get(int(i), "") for i in rows], dtype="str")
    with_tag = session != ""
    tag = ("_ses-" + session).str.replace("_ses-run-", "_run-", regex=False)
    subjects.loc[with_tag, "participant_id"] += tag[with_tag]
    labels_before = (
        subjects["session"] if "session" in subjects else pd.Series("", index=subjects.index, dtype="str")
    )
    sessions = labels_before.mask(with_tag, session)
    subjects["session"] = sessions.where(sessions != "")


def _align(table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """Rows of a table in the order of the cohort, NaN where it has none."""
    values = np.vstack([table.to_numpy(dtype=np.float64), np.full((1, table.shape[1]), np.nan)])
    return pd.DataFrame(values[rows], columns=table.columns)


def _exclude_unmatched(parts: Parts, rows: np.ndarray, why: str, notes: list[Note]) -> None:
    absent = rows < 0
    if absent.any():
        ids = parts.subjects.loc[absent, "participant_id"].tolist()
        message = f"{len(ids)} rows excluded, {why}: {_list(ids)}"
        notes.append(Note("excluded", "participant_id", None, ids[0], message))
        parts.subjects = mark_excluded(parts.subjects, np.where(absent, why, ""))


def mark_excluded(subjects: pd.DataFrame, reasons: np.ndarray) -> pd.DataFrame:
    """Return the subjects with rows marked that have a reason, ``""`` for none, and had none before."""
    fresh = (subjects["reason"] == "").to_numpy() & (reasons != "")
    return subjects.assign(
        status=subjects["status"].mask(fresh, "excluded"),
        reason=subjects["reason"].mask(fresh, pd.Series(reasons, index=subjects.index)),
    )


def _explain_no_volumes(parts: Parts, files: Locations, columns: pd.Index, notes: list[Note]) -> None:
    if parts.volumes is None and parts.images is None:
        what = described_columns(columns)
        message = f"{files.subjects.name} has no column that names a structure, and there are no images"
        message += f"; {what}" if what else ""
        notes.append(Note("warning", "", None, "", message))


def _list(values: Sequence[str]) -> str:
    text = ", ".join(values[:_SHOWN])
    return f"{text} and {len(values) - _SHOWN} more" if len(values) > _SHOWN else text
