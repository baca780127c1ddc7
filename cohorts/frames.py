"""Cohorts from what is in memory: a table of subjects with their volumes, or a list of images."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from plausibrain.cohorts.assembly import mark_excluded
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.column_meaning import columns_of
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.identity import match_ids
from plausibrain.cohorts.locations import image_stem
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.participants import parse_participants
from plausibrain.cohorts.repeats import resolve_repeats
from plausibrain.cohorts.volume_tables import split_volume_table


def cohort_from_frame(
    frame: pd.DataFrame,
    *,
    name: str = "cohort",
    sex_coding: str | None = None,
    age_unit: str | None = None,
    volume_unit: str | None = None,
    repeats: str | None = None,
    segmenter: str | None = None,
) -> Cohort:
    """Return the cohort that a table of subjects describes; the same rules as for a file apply.

    Parameters
    ----------
    frame : DataFrame
        One row per subject or image: an id, age and sex, and columns that name structures as SynthSeg,
        FreeSurfer or plausibrain do.
    name : str
        What the report calls it.
    sex_coding, age_unit, volume_unit, repeats, segmenter
        As in `plausibrain.cohorts.cohort.read_cohort`.

    Returns
    -------
    Cohort
        With volumes where columns name structures, in mm3.

    Raises
    ------
    DataError
        As `read_cohort`; messages name the cohort and count rows from 0.
    """
    if not len(frame):
        raise DataError(f"{name}: the table has no rows; give one with at least one subject")
    raw = frame.reset_index(drop=True).rename(columns=str)
    columns, _ = columns_of(raw, name)
    notes: list[Note] = []
    if "participant_id" in columns:
        raw, repeat_notes = resolve_repeats(raw, columns, source=name, repeats=repeats)
        notes.extend(repeat_notes)
    content = split_volume_table(raw, source=name, unit=volume_unit)
    participants = parse_participants(content.rest, source=name, sex_coding=sex_coding, age_unit=age_unit)
    subjects = mark_excluded(
        participants.subjects.reset_index(drop=True), content.reason.to_numpy(dtype=object)
    )
    return Cohort(
        name=name,
        subjects=subjects,
        volumes=None if content.volumes.empty else content.volumes.reset_index(drop=True),
        qc=None if content.qc is None else content.qc.reset_index(drop=True),
        segmenter=segmenter or content.segmenter,
        source=Path(name),
        notes=(*notes, *content.notes, *participants.notes),
    )


def cohort_from_images(
    images: Sequence[str | os.PathLike[str]],
    participants: pd.DataFrame | None = None,
    *,
    name: str = "cohort",
    sex_coding: str | None = None,
    age_unit: str | None = None,
) -> Cohort:
    """Return a cohort of image files, one row per image.

    Parameters
    ----------
    images : sequence of path-like
        NIfTI or MGZ files; the name of a file is its id, or begins with the id of its row.
    participants : DataFrame, optional
        Ids, ages and sexes. Without it the cohort states no ages and no sexes.
    name, sex_coding, age_unit
        As in `cohort_from_frame`.

    Raises
    ------
    DataError
        When a file is absent, or an image has no row.
    """
    paths = [Path(path) for path in images]
    absent = [path for path in paths if not path.is_file()]
    if absent or not paths:
        raise DataError(f"{absent[0] if absent else name}: no such image; check the list of files")
    stems = [image_stem(path) for path in paths]
    if participants is None:
        participants = pd.DataFrame({"participant_id": stems, "age": None, "sex": None})
    cohort = cohort_from_frame(participants, name=name, sex_coding=sex_coding, age_unit=age_unit)
    rows = match_ids(stems, cohort.subjects["participant_id"].tolist())
    strangers = [stem for stem, row in zip(stems, rows, strict=True) if row < 0]
    if strangers or len(set(rows.tolist())) != len(rows):
        first = strangers[0] if strangers else stems[0]
        raise DataError(f"{name}: image {first!r} has no row of its own; give one row per image, with its id")
    rows_in_order = cohort.select(rows)
    return Cohort(
        name=name, subjects=rows_in_order.subjects, images=tuple(paths), source=Path(name), notes=cohort.notes
    )
