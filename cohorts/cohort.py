"""A cohort: subjects, their volumes or images, and notes on everything that was changed on the way in."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.assembly import Reading, assemble
from plausibrain.cohorts.bids import write_bids
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.from_images import checked_features, checked_pairs, checked_reasons, pairs_among
from plausibrain.cohorts.import_notes import import_notes
from plausibrain.cohorts.locations import Tables, locate
from plausibrain.cohorts.notes import Note, notes_table
from plausibrain.cohorts.request_notes import request_notes
from plausibrain.cohorts.structures import TIV

OK = "ok"
EXCLUDED = "excluded"
__all__ = ["EXCLUDED", "OK", "Cohort", "Note", "notes_table", "read_cohort", "write_cohort"]

_REQUIRED = ("participant_id", "subject", "age", "sex")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Subjects with their volumes, quality scores or images, row by row.

    Parameters
    ----------
    name : str
        What the report calls it.
    subjects : DataFrame
        One row per image or table row: ``participant_id`` (unique), ``subject`` (cluster), ``age`` (years),
        ``sex`` (``M`` or ``F``), optional columns as in `plausibrain.cohorts.schemas.SUBJECTS`, and
        ``status`` (``ok`` or ``excluded``) with ``reason``; the last two are added when they are missing.
    volumes : DataFrame or None
        Aligned with `subjects`; columns are structure names and ``TIV``, mm3, NaN where missing.
    qc : DataFrame or None
        Aligned with `subjects`; quality per group of structures, 0 to 1.
    images, labels : tuple of (Path or None), or None
        Images, and label maps of them; aligned with `subjects`.
    segmenter : str
        Who measured the volumes: ``synthseg``, ``freesurfer``, or ``unknown``.
    source : Path
        Folder or table that it was read from.
    notes : tuple of Note
        What was changed on the way in.
    measures : DataFrame or None
        Aligned with `subjects`; one column per image measure, in its own unit, NaN where it does not apply.
    measure_reasons : DataFrame or None
        In the shape of `measures`: why a value is missing, ``""`` where all is well.
    features : mapping of str to ndarray, (n, d)
        Feature vectors by extractor, aligned with `subjects`; a NaN row where there are none.
    pairs : DataFrame or None
        Similarity of pairs of images: ``first`` and ``second`` (participant ids), one column per similarity,
        NaN where a pair could not be compared, and ``reason``.

    Raises
    ------
    DataError
        When the parts do not fit together.
    """

    name: str
    subjects: pd.DataFrame
    volumes: pd.DataFrame | None = None
    qc: pd.DataFrame | None = None
    images: tuple[Path | None, ...] | None = None
    segmenter: str = "unknown"
    source: Path = field(default_factory=Path)
    notes: tuple[Note, ...] = ()
    measures: pd.DataFrame | None = None
    measure_reasons: pd.DataFrame | None = None
    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    pairs: pd.DataFrame | None = None
    labels: tuple[Path | None, ...] | None = None

    def __post_init__(self) -> None:
        subjects = _checked_subjects(self.subjects, self.name)
        object.__setattr__(self, "subjects", subjects)
        for part in ("volumes", "qc", "measures"):
            table = getattr(self, part)
            _check_length(table, subjects, part, self.name)
            if table is not None:
                numbers = table.reset_index(drop=True).astype(np.float64)
                object.__setattr__(self, part, numbers)
        _check_length(self.images, subjects, "images", self.name)
        _check_length(self.labels, subjects, "label maps", self.name)
        reasons = checked_reasons(self.measures, self.measure_reasons, self.name)
        object.__setattr__(self, "measure_reasons", reasons)
        object.__setattr__(self, "features", checked_features(self.features, len(subjects), self.name))
        object.__setattr__(self, "pairs", checked_pairs(self.pairs, subjects["participant_id"], self.name))

    def __len__(self) -> int:
        return len(self.subjects)

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the columns of `volumes` without ``TIV``."""
        return () if self.volumes is None else tuple(name for name in self.volumes.columns if name != TIV)

    @property
    def included(self) -> "Cohort":
        """The cohort without its excluded rows."""
        return self.select((self.subjects["status"] == OK).to_numpy())

    @property
    def n_subjects(self) -> int:
        """Number of different subjects (clusters)."""
        return int(self.subjects["subject"].nunique())

    def select(self, rows: np.ndarray | Sequence[int] | Sequence[bool]) -> "Cohort":
        """Take some rows, in the given order.

        Parameters
        ----------
        rows : array of bool or of int
            A mask over the rows, or their positions.

        Returns
        -------
        Cohort
            With a fresh RangeIndex; notes and source stay.
        """
        array = np.asarray(rows)
        positions = np.flatnonzero(array) if array.dtype == bool else array.astype(np.intp)
        return replace(
            self,
            subjects=self.subjects.iloc[positions],
            volumes=_take(self.volumes, positions),
            qc=_take(self.qc, positions),
            images=None if self.images is None else tuple(self.images[i] for i in positions),
            labels=None if self.labels is None else tuple(self.labels[i] for i in positions),
            measures=_take(self.measures, positions),
            measure_reasons=_take(self.measure_reasons, positions),
            features={name: matrix[positions] for name, matrix in self.features.items()},
            pairs=pairs_among(self.pairs, self.subjects["participant_id"].iloc[positions]),
        )


def read_cohort(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    participants: str | os.PathLike[str] | None = None,
    volumes: Tables | None = None,
    qc: str | os.PathLike[str] | None = None,
    images: str | None = None,
    sex_coding: str | None = None,
    age_unit: str | None = None,
    volume_unit: str | None = None,
    repeats: str | None = None,
    segmenter: str | None = None,
    encoding: str | None = None,
    min_subjects: int = 2,
) -> Cohort:
    """Read a cohort: a BIDS folder, a folder of images with a table, or tables alone.

    Parameters
    ----------
    path : path-like
        Folder (``participants.tsv`` and ``sub-*/[ses-*/]anat/*_T1w.nii.gz``, or images beside a table), or a
        table of subjects, with or without their volumes.
    name : str or None
        What the report calls it; None takes the name of the file or folder.
    participants, qc : path-like or None
        Tables that lie elsewhere. They are joined by id, see `plausibrain.cohorts.identity.match_ids`.
    volumes : path-like, sequence of path-like, or None
        A table of volumes, or several of the same images, such as FreeSurfer's of aseg and each hemisphere.
    images : str or None
        Pattern below the folder, for example ``*_SS.nii.gz``, where the usual places do not fit; or BIDS
        entities, for example ``acq=mprage``, where a subject has several images.
    sex_coding : str or None
        Meaning of coded sexes, for example ``1=M,0=F``.
    age_unit : {None, "years", "months", "days"}
        Unit of the ages; None means years, and refuses what looks otherwise.
    volume_unit : {None, "mm3", "mL"}
        Unit of the volumes; None means mm3, and refuses what looks otherwise.
    repeats : {None, "first"}
        What to do with rows that share an id but not their values: refuse them, or keep the first.
    segmenter : str or None
        Who measured the volumes; None infers it from the names of the columns.
    encoding : str or None
        Of the tables; None means UTF-8.
    min_subjects : int
        Fewer usable subjects are refused.

    Returns
    -------
    Cohort
        With the rows that cannot be used, as ``excluded`` and with a reason.

    Raises
    ------
    DataError
        Whenever something is missing, broken or ambiguous; says where, what was found and what to do.
    """
    source = Path(path)
    parts = assemble(
        locate(source, participants=participants, volumes=volumes, qc=qc, images=images),
        Reading(sex_coding, age_unit, volume_unit, repeats, encoding),
    )
    cohort = Cohort(
        name=name or source.resolve().name.partition(".")[0],
        subjects=parts.subjects,
        volumes=parts.volumes,
        qc=parts.qc,
        images=parts.images,
        segmenter=segmenter or parts.segmenter,
        source=source,
        notes=(*parts.notes, *import_notes(source), *request_notes(source)),
    )
    _check_enough(cohort, min_subjects)
    return cohort


def write_cohort(
    cohort: Cohort, folder: str | os.PathLike[str], *, generated_by: Sequence[Mapping[str, Any]] = ()
) -> Path:
    """Write a cohort as a BIDS folder: participants, data dictionary, description, volumes; not its images.

    Parameters
    ----------
    cohort : Cohort
        What to write. Images are written where `plausibrain.cohorts.bids.image_path` says.
    folder : path-like
        Made when missing.
    generated_by : sequence of mapping
        ``GeneratedBy`` of BIDS: what made the images, with its version and settings.

    Returns
    -------
    Path
        The folder; `read_cohort` reads it back.

    Raises
    ------
    DataError
        When two ids become the same BIDS subject.
    """
    return write_bids(
        folder,
        name=cohort.name,
        subjects=cohort.subjects,
        volumes=cohort.volumes,
        qc=cohort.qc,
        segmenter=cohort.segmenter,
        generated_by=generated_by,
    )


def _take(table: pd.DataFrame | None, positions: np.ndarray) -> pd.DataFrame | None:
    return None if table is None else table.iloc[positions]


def _check_enough(cohort: Cohort, min_subjects: int) -> None:
    usable = cohort.included
    if usable.n_subjects < min_subjects:
        reasons = cohort.subjects.loc[cohort.subjects["status"] == EXCLUDED, "reason"].value_counts()
        text = "; ".join(f"{count} excluded: {reason}" for reason, count in reasons.head(5).items())
        because = f" ({text})" if text else ""
        raise DataError(
            f"{cohort.source}: {len(usable)} of {len(cohort)} rows can be used, "
            f"of {usable.n_subjects} subjects, and at least {min_subjects} are needed{because}; "
            "add subjects or repair the excluded rows"
        )


def _checked_subjects(subjects: pd.DataFrame, name: str) -> pd.DataFrame:
    absent = [column for column in _REQUIRED if column not in subjects.columns]
    if absent:
        raise DataError(f"cohort {name!r}: subjects lacks column {', '.join(absent)}")
    table = subjects.reset_index(drop=True)
    twice = table["participant_id"].duplicated()
    if twice.any():
        example = table.loc[twice, "participant_id"].iloc[0]
        raise DataError(
            f"cohort {name!r}: participant_id {example!r} stands in more than one row; make it unique"
        )
    if "status" not in table.columns:
        table = table.assign(status=OK)
    if "reason" not in table.columns:
        table = table.assign(reason="")
    return table


def _check_length(
    part: pd.DataFrame | tuple[Path | None, ...] | None, subjects: pd.DataFrame, what: str, name: str
) -> None:
    if part is not None and len(part) != len(subjects):
        raise DataError(
            f"cohort {name!r}: {len(part)} rows of {what} for {len(subjects)} subjects; align them by row"
        )
