"""A cohort: people, their volumes or images, and notes on everything that was changed on the way in."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cohorts.errors import DataError
from cohorts.notes import Note, notes_table
from cohorts.structures import TIV

OK = "ok"
EXCLUDED = "excluded"
__all__ = ["EXCLUDED", "OK", "Cohort", "Note", "notes_table"]

_REQUIRED = ("participant_id", "person", "age", "sex")


@dataclass(frozen=True, eq=False)
class Cohort:
    """People with their volumes, quality scores or images, row by row.

    Parameters
    ----------
    name : str
        What the report calls it.
    people : DataFrame
        One row per image or table row: ``participant_id`` (unique), ``person`` (cluster), ``age`` (years),
        ``sex`` (``M`` or ``F``), optional columns as in `cohorts.schemas.PEOPLE`, and ``status`` (``ok`` or
        ``excluded``) with ``reason``; the last two are added when they are missing.
    volumes : DataFrame or None
        Aligned with `people`; columns are structure names and ``TIV``, mm3, NaN where missing.
    qc : DataFrame or None
        Aligned with `people`; quality per group of structures, 0 to 1.
    images : tuple of (Path or None), or None
        Aligned with `people`.
    segmenter : str
        Who measured the volumes: ``synthseg``, ``freesurfer``, or ``unknown``.
    source : Path
        Folder or table that it was read from.
    notes : tuple of Note
        What was changed on the way in.

    Raises
    ------
    DataError
        When the parts do not fit together.
    """

    name: str
    people: pd.DataFrame
    volumes: pd.DataFrame | None = None
    qc: pd.DataFrame | None = None
    images: tuple[Path | None, ...] | None = None
    segmenter: str = "unknown"
    source: Path = field(default_factory=Path)
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        people = _checked_people(self.people, self.name)
        object.__setattr__(self, "people", people)
        for part in ("volumes", "qc"):
            table = getattr(self, part)
            _check_length(table, people, part, self.name)
            if table is not None:
                numbers = table.reset_index(drop=True).astype(np.float64)
                object.__setattr__(self, part, numbers)
        _check_length(self.images, people, "images", self.name)

    def __len__(self) -> int:
        return len(self.people)

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the columns of `volumes` without ``TIV``."""
        return () if self.volumes is None else tuple(name for name in self.volumes.columns if name != TIV)

    @property
    def included(self) -> "Cohort":
        """The cohort without its excluded rows."""
        return self.select((self.people["status"] == OK).to_numpy())

    @property
    def n_people(self) -> int:
        """Number of different people (clusters)."""
        return int(self.people["person"].nunique())

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
            people=self.people.iloc[positions],
            volumes=None if self.volumes is None else self.volumes.iloc[positions],
            qc=None if self.qc is None else self.qc.iloc[positions],
            images=None if self.images is None else tuple(self.images[i] for i in positions),
        )


def _checked_people(people: pd.DataFrame, name: str) -> pd.DataFrame:
    missing = [column for column in _REQUIRED if column not in people.columns]
    if missing:
        raise DataError(f"cohort {name!r}: people lacks column {', '.join(missing)}")
    checked = people.reset_index(drop=True)
    twice = checked["participant_id"].duplicated()
    if twice.any():
        example = checked.loc[twice, "participant_id"].iloc[0]
        raise DataError(
            f"cohort {name!r}: participant_id {example!r} stands in more than one row; make it unique"
        )
    if "status" not in checked.columns:
        checked = checked.assign(status=OK)
    if "reason" not in checked.columns:
        checked = checked.assign(reason="")
    return checked


def _check_length(
    part: pd.DataFrame | tuple[Path | None, ...] | None, people: pd.DataFrame, what: str, name: str
) -> None:
    if part is not None and len(part) != len(people):
        raise DataError(
            f"cohort {name!r}: {len(part)} rows of {what} for {len(people)} people; align them by row"
        )
