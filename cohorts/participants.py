"""Subjects of a cohort from a participants table, with a note on everything that was coerced or left out.

Nothing ambiguous is guessed: a sex coded 0, 1 or 2, or an age in months, is an error that asks for one flag.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from plausibrain.cohorts.ages import parse_ages
from plausibrain.cohorts.cells import as_text, checked_numbers
from plausibrain.cohorts.column_meaning import columns_of
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.identity import bids_name, file_stem, safe_id
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.participant_columns import SYNONYMS
from plausibrain.cohorts.requested_volumes import REQUESTED_VOLUMES
from plausibrain.cohorts.sexes import parse_sexes

_TEXTS = ("site", "diagnosis", "session")
_VOLUMES = tuple(REQUESTED_VOLUMES)
_BIDS_ID = r"^sub-[A-Za-z0-9]+_"


class Participants(NamedTuple):
    """Table of subjects as in `Cohort.subjects`, aligned with the raw table, and the notes."""

    subjects: pd.DataFrame
    notes: tuple[Note, ...]


def parse_participants(
    raw: pd.DataFrame, *, source: str, sex_coding: str | None = None, age_unit: str | None = None
) -> Participants:
    """Turn a raw table into subjects.

    Parameters
    ----------
    raw : DataFrame
        Columns as in `plausibrain.cohorts.participant_columns.SYNONYMS`, others are ignored; its index holds
        the lines of the file (see `plausibrain.cohorts.raw_tables`). Ids that repeat need a session or seed
        column (see `plausibrain.cohorts.repeats`).
    source : str
        File, for messages and notes.
    sex_coding : str or None
        Meaning of coded sexes, for example ``1=M,0=F``.
    age_unit : {None, "years", "months", "days"}
        Unit of the ages; None means years, and refuses what looks otherwise.

    Returns
    -------
    Participants
        Rows that lack age or sex stay, with status ``excluded`` and the reason.

    Raises
    ------
    DataError
        For missing columns, unsafe or repeated ids, impossible ages, unknown codings, or when no row remains.
    """
    columns, decisions = columns_of(raw, source)
    _check_columns(columns, raw, source)
    notes: list[Note] = [*decisions]
    subjects = _identities(raw, columns, source)
    for prefix in ("", "requested_"):
        _add_age_and_sex(subjects, raw, columns, prefix, source, sex_coding, age_unit, notes)
    _fill_from_requests(subjects, columns, notes)
    _add_others(subjects, raw, columns, source)
    _add_status(subjects, raw, columns, source, notes)
    _note_ignored(raw, columns, notes)
    return Participants(_order(subjects), tuple(notes))


def _check_columns(columns: dict[str, str], raw: pd.DataFrame, source: str) -> None:
    presence = {
        "participant_id": "participant_id" in columns,
        "age": bool({"age", "age_months", "requested_age"} & set(columns)),
        "sex": bool({"sex", "requested_sex"} & set(columns)),
    }
    absent = [name for name, present in presence.items() if not present]
    if absent:
        hints = "; ".join(f"{name}: {', '.join(SYNONYMS[name][:6])}, …" for name in absent)
        headers = ", ".join(map(str, raw.columns[:20])) + (", …" if len(raw.columns) > 20 else "")
        raise DataError(
            f"{source}: no column for {' and '.join(absent)}; found {headers}; rename a column ({hints}), "
            "or give a table of subjects with participants=...; a cohort that has none gets a column of n/a"
        )


def _identities(raw: pd.DataFrame, columns: dict[str, str], source: str) -> pd.DataFrame:
    """Ids, subjects and sessions; an id that repeats becomes unique by its session and seed."""
    header = columns["participant_id"]
    texts = as_text(raw[header]).map(file_stem, na_action="ignore")
    if texts.isna().any():
        raise DataError(
            f"{source}: line {texts.index[texts.isna()][0]}: {header!r} is empty; every row needs an id"
        )
    ids = pd.Series(
        [safe_id(v, where=f"{source}: line {i}") for i, v in texts.items()],
        index=raw.index,
        dtype="str",
    )
    subjects = pd.DataFrame({"participant_id": ids, "subject": ids})
    _split_bids_names(subjects)
    _tell_apart(subjects, raw, columns, source)
    if "subject" in columns:
        clusters = as_text(raw[columns["subject"]])
        subjects["subject"] = clusters.where(clusters.notna(), subjects["subject"])
    return subjects


def _split_bids_names(subjects: pd.DataFrame) -> None:
    """Take subject and session from ids such as ``sub-01_ses-2_T1w``."""
    with_bids_name = subjects["participant_id"].str.match(_BIDS_ID)
    if not with_bids_name.any():
        return
    bids_names = [bids_name(identifier) for identifier in subjects.loc[with_bids_name, "participant_id"]]
    subjects.loc[with_bids_name, "subject"] = [name.subject if name else "" for name in bids_names]
    sessions = pd.Series(
        [name.session if name else "" for name in bids_names],
        index=subjects.index[with_bids_name],
        dtype="str",
    )
    if (sessions != "").any():
        subjects["session"] = sessions[sessions != ""].reindex(subjects.index)


def _tell_apart(subjects: pd.DataFrame, raw: pd.DataFrame, columns: dict[str, str], source: str) -> None:
    for name, tag in (("session", "ses"), ("seed", "seed")):
        repeats = subjects["participant_id"].duplicated(keep=False)
        if name in columns and repeats.any():
            values = as_text(raw[columns[name]]).fillna("none").str.replace(r"[^0-9A-Za-z]+", "", regex=True)
            subjects.loc[repeats, "participant_id"] += f"_{tag}-" + values[repeats]
    repeats = subjects["participant_id"].duplicated()
    if repeats.any():
        line = subjects.index[repeats][0]
        raise DataError(
            f"{source}: line {line}: participant_id {subjects.loc[line, 'participant_id']!r} repeats; "
            "add a session or seed column that tells the rows apart"
        )


def _add_age_and_sex(
    subjects: pd.DataFrame,
    raw: pd.DataFrame,
    columns: dict[str, str],
    prefix: str,
    source: str,
    sex_coding: str | None,
    age_unit: str | None,
    notes: list[Note],
) -> None:
    months = not prefix and "age" not in columns and "age_months" in columns
    age_column = columns.get("age_months" if months else f"{prefix}age")
    if age_column is not None:
        unit = "months" if months else age_unit
        subjects[f"{prefix}age"] = parse_ages(as_text(raw[age_column]), source=source, unit=unit, notes=notes)
    sex_column = columns.get(f"{prefix}sex")
    if sex_column is not None:
        subjects[f"{prefix}sex"] = parse_sexes(
            as_text(raw[sex_column]), source=source, coding=sex_coding, notes=notes
        )


def _fill_from_requests(subjects: pd.DataFrame, columns: dict[str, str], notes: list[Note]) -> None:
    """Let requested age and sex stand for age and sex where the table has no others."""
    for name in ("age", "sex"):
        if name not in columns and f"{name}_months" not in columns:
            subjects[name] = subjects[f"requested_{name}"]
            header = columns[f"requested_{name}"]
            notes.append(Note("coerced", header, None, "", f"the requested {name} stands for the {name}"))


def _add_others(subjects: pd.DataFrame, raw: pd.DataFrame, columns: dict[str, str], source: str) -> None:
    for name in _TEXTS:
        if name in columns:
            subjects[name] = as_text(raw[columns[name]])
    if "seed" in columns:
        subjects["seed"] = _seeds(raw[columns["seed"]], source)
    for name in _VOLUMES:
        if name in columns:
            subjects[name] = _requested_volumes(checked_numbers(raw[columns[name]], source), source)


def _seeds(values: pd.Series, source: str) -> pd.Series:
    """Whole numbers; int64 where none is missing."""
    seeds = checked_numbers(values, source, whole=True)
    if (seeds.abs() >= 2**53).any():
        raise DataError(f"{source}: column {values.name!r}: a seed exceeds 2**53; use smaller seeds")
    return seeds if seeds.isna().any() else seeds.astype(np.int64)


def _requested_volumes(volumes: pd.Series, source: str) -> pd.Series:
    amounts = volumes.dropna()
    if len(amounts) and amounts.abs().max() < 1000:
        raise DataError(
            f"{source}: column {volumes.name!r} holds values up to {amounts.abs().max():g}; expected mm3 "
            "(ventricles about 7,000 to 170,000, brains about 1,100,000 to 1,800,000); convert them to mm3"
        )
    return volumes


def _add_status(
    subjects: pd.DataFrame, raw: pd.DataFrame, columns: dict[str, str], source: str, notes: list[Note]
) -> None:
    reason = pd.Series("", index=subjects.index, dtype="str")
    if "status" in columns:
        is_out = as_text(raw[columns["status"]]).str.lower().eq("excluded")
        text = as_text(raw[columns["reason"]]) if "reason" in columns else reason
        reason = reason.mask(is_out, text.fillna("excluded in the table"))
    for name in ("age", "sex"):
        if subjects[name].isna().all() and name in columns:
            message = f"column {columns[name]!r} is empty in every row: the cohort states no {name}"
            notes.append(Note("warning", columns[name], None, "", message))
            continue
        absent = subjects[name].isna() & (reason == "")
        reason = reason.mask(absent, f"{name} is missing")
        if absent.any():
            message = f"{int(absent.sum())} of {len(subjects)} rows excluded: {name} is missing"
            notes.append(
                Note("excluded", columns.get(name, name), int(subjects.index[absent][0]), "", message)
            )
    subjects["status"] = np.where(reason == "", "ok", "excluded")
    subjects["reason"] = reason
    if (subjects["status"] == "excluded").all():
        raise DataError(
            f"{source}: none of {len(subjects)} rows has both age and sex; fill the two columns in"
        )


def _note_ignored(raw: pd.DataFrame, columns: dict[str, str], notes: list[Note]) -> None:
    others = [str(name) for name in raw.columns if name not in columns.values()]
    if others:
        listing = ", ".join(others[:10]) + (", …" if len(others) > 10 else "")
        notes.append(Note("ignored", others[0], 1, "", f"{len(others)} columns not used: {listing}"))


def _order(subjects: pd.DataFrame) -> pd.DataFrame:
    first = [name for name in SYNONYMS if name in subjects.columns and name not in ("status", "reason")]
    return subjects[[*first, "status", "reason"]]
