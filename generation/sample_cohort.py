"""From a table of conditions and a model to a cohort of images: resumable, with one seed per participant.

Images are written while the next are drawn. A killed run leaves whole images only, and repeating the command
draws what is missing; the result is the same.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.bids import image_path
from plausibrain.cohorts.cohort import Cohort, write_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.request_notes import request_notes, write_request_record
from plausibrain.cohorts.requested_volumes import BRAIN_NORMALISED
from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.cohorts.volumes import Volume, write_volume
from plausibrain.generation.model import ExistingImages, Model
from plausibrain.generation.scaler import SEX_CODES, ConditionScaler, physical_values

CLAIM = ".sampled.json"
BATCH = 64
PENDING = 4
#: Tables read seeds as float64 where a cell is empty, which holds whole numbers up to here.
LARGEST_SEED = 2**53 - 1
#: Column that a cohort needs, and what a generator may have been asked for instead.
ASKED = {"age": "requested_age", "sex": "requested_sex"}


@dataclass(frozen=True)
class Share:
    """Which part of the rows one of several workers draws.

    Attributes
    ----------
    index, of : int
        Row k belongs to worker ``k % of``.
    """

    index: int = 0
    of: int = 1


def sample_cohort(
    model: Model,
    conditions: pd.DataFrame,
    folder: str | os.PathLike[str],
    *,
    seed: int,
    name: str | None = None,
    share: Share | None = None,
    on_image: Callable[[int, int], None] | None = None,
) -> Cohort:
    """Draw one image per row and write them as a BIDS cohort.

    Parameters
    ----------
    model : Model
    conditions : DataFrame
        One row per image: ``participant_id`` (made up where it is missing), the model's conditions in
        physical units, ``age`` and ``sex`` (or ``requested_age``, ``requested_sex``), optionally ``subject``
        and ``seed``.
    folder : path-like
        Made when missing; images that lie there are kept. Another model, seed or table needs another folder.
    seed : int
        The seed of a row without one is a function of (seed, participant_id).
    name : str, optional
        Of the cohort; that of the folder where nothing is said.
    share : Share, optional
        Draw only the rows of one of several workers; the last to finish writes the cohort.
    on_image : callable, optional
        Called with the number of images that are there and of all, after each.

    Returns
    -------
    Cohort
        With ``images`` (None where another worker has not drawn them yet) and a ``seed`` per row; images made
        elsewhere have the seeds that the table gives, or none.

    Raises
    ------
    DataError
        When the table lacks something, or the folder holds another cohort.
    """
    target = Path(folder)
    subjects = subjects_of(conditions, seed)
    _check_conditions(subjects, model)
    images = [image_path(target, str(identity)) for identity in subjects["participant_id"]]
    if len(set(images)) != len(images):
        raise DataError("two participants would share one image file; rename them")
    if isinstance(model, ExistingImages):
        model.check_subjects(subjects)
    made_by = generated_by(model)
    _claim(target, subjects, model, made_by)
    part = share or Share()
    rows = [row for row in range(part.index, len(subjects), part.of) if not images[row].exists()]
    _sample_rows(model, subjects, rows, images, on_image)
    paths = tuple(path if path.exists() else None for path in images)
    if isinstance(model, ExistingImages) and "seed" not in conditions:
        subjects = subjects.drop(columns="seed")  # made up here, so it made no image
    cohort = Cohort(name=name or target.resolve().name, subjects=subjects, images=paths, source=target)
    if all(paths):
        write_cohort(cohort, target, generated_by=[made_by])
    write_request_record(target, subjects, condition_ranges(model))
    return replace(cohort, notes=request_notes(target))


def condition_ranges(model: Model) -> dict[str, tuple[float, float]]:
    """Return the range of every condition but sex that a model was trained on; empty where unknown."""
    scalers = (getattr(model, name, None) for name in ("scaler", "scale"))
    scaler = next((one for one in scalers if isinstance(one, ConditionScaler)), None)
    if scaler is None:
        return {}
    ranges = zip(scaler.columns, scaler.low, scaler.high, strict=True)
    return {name: (low, high) for name, low, high in ranges if name not in ("sex", "requested_sex")}


def subjects_of(conditions: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the participants of a table of conditions: id, subject, age, sex, seed and all other columns.

    Raises
    ------
    DataError
        When ids are not unique, or age or sex is missing.
    """
    if not len(conditions):
        raise DataError("the table of conditions has no rows; add one per image")
    subjects = conditions.reset_index(drop=True).copy()
    if "participant_id" not in subjects:
        subjects.insert(0, "participant_id", [f"sub-{row + 1:05d}" for row in range(len(subjects))])
    subjects["participant_id"] = subjects["participant_id"].astype(str)
    twice = subjects["participant_id"][subjects["participant_id"].duplicated()]
    if len(twice):
        raise DataError(f"participant_id {twice.iloc[0]!r} stands in more than one row; make it unique")
    for column, request in ASKED.items():
        if column not in subjects and request in subjects:
            subjects[column] = subjects[request]
        if column not in subjects:
            raise DataError(
                f"the table of conditions has no column {column!r}; add it, even if it is not asked"
            )
    if "subject" not in subjects:
        subjects["subject"] = subjects["participant_id"]
    subjects["seed"] = _seeds(subjects, seed)
    return subjects.drop(columns=[c for c in ("status", "reason") if c in subjects])


def seed_of(seed: int, participant_id: str) -> int:
    """Return the seed of a participant, 0 to 2**53 - 1: a function of both arguments alone."""
    digest = hashlib.sha256(f"{seed}\n{participant_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") & LARGEST_SEED


def generated_by(model: Model) -> dict[str, Any]:
    """Return the entry of ``GeneratedBy``: model, checkpoint, and what else decides the images."""
    description = dict(model.description)
    return {
        "Name": f"plausibrain {model.name}",
        "Model": model.name,
        "CheckpointSHA256": model.checkpoint_hash,
        "Scheduler": description.pop("scheduler", None),
        "Steps": description.pop("steps", None),
        "Settings": description,
    }


def _seeds(subjects: pd.DataFrame, seed: int) -> list[int]:
    own = [seed_of(seed, identity) for identity in subjects["participant_id"]]
    if "seed" not in subjects:
        return own
    own_seeds = pd.to_numeric(subjects["seed"], errors="coerce")
    broken = subjects["seed"].notna() & (
        own_seeds.isna() | (own_seeds < 0) | (own_seeds > LARGEST_SEED) | (own_seeds % 1 != 0)
    )
    if broken.any():
        value = subjects.loc[broken, "seed"].iloc[0]
        raise DataError(
            f"expected whole seeds from 0 to 2**53 - 1, found {value!r}; correct or empty the cell"
        )
    if _names_the_run(subjects):
        return own
    _check_shared(subjects[subjects["seed"].notna()])
    return [
        fallback if pd.isna(entry) else int(entry)
        for fallback, entry in zip(own, subjects["seed"], strict=True)
    ]


def _names_the_run(subjects: pd.DataFrame) -> bool:
    """Return whether one seed stands in every row of several subjects, as in a simulated cohort.

    Then it is the seed that the cohort was made with, and says nothing of the noise of a subject.
    """
    everywhere = bool(subjects["seed"].notna().all()) and subjects["seed"].nunique() == 1
    return everywhere and subjects["subject"].nunique() > 1


def _check_shared(subjects: pd.DataFrame) -> None:
    """Refuse one seed for several subjects; rows of one subject may share it, as in a sweep."""
    n_subjects = subjects.groupby("seed")["subject"].nunique()
    if len(n_subjects) and n_subjects.max() > 1:
        raise DataError(
            f"seed {n_subjects.idxmax()} stands with {n_subjects.max()} different subjects, whose images "
            "would share their noise; leave the column out (--new-seeds), or give every subject a seed"
        )


def _check_conditions(subjects: pd.DataFrame, model: Model) -> None:
    absent = [column for column in model.conditions if column not in subjects]
    if absent:
        hint = "; make it with `plausibrain conditions --normalised`" if BRAIN_NORMALISED in absent else ""
        raise DataError(
            f"model {model.name!r} needs the conditions {', '.join(model.conditions)}; the table lacks "
            f"{', '.join(absent)}{hint}"
        )
    physical_values(subjects, model.conditions)
    sexes = subjects["sex"].dropna()
    unknown = sexes[~sexes.isin(list(SEX_CODES))]
    if len(unknown):
        raise DataError(f"expected sex F or M, found {unknown.iloc[0]!r}; correct the table")


def _claim(folder: Path, subjects: pd.DataFrame, model: Model, made_by: dict[str, Any]) -> None:
    """Note in the folder what is drawn into it; `DataError` if something else is."""
    columns = ["participant_id", "seed", *model.conditions]
    rows = [[str(value) for value in row] for row in subjects[columns].itertuples(index=False)]
    claim = json.dumps({**made_by, "Rows": Store.key(columns, rows)}, sort_keys=True, default=str)
    note = folder / CLAIM
    if note.exists() and note.read_text(encoding="utf-8") != claim:
        raise DataError(
            f"{folder} holds another sampled cohort (model, checkpoint, settings, seed or table differ); "
            "choose an empty folder, or delete this one"
        )
    write_text_atomic(note, claim)


def _sample_rows(
    model: Model,
    subjects: pd.DataFrame,
    rows: list[int],
    images: list[Path],
    on_image: Callable[[int, int], None] | None,
) -> None:
    """Draw the wanted rows; at most a few images wait to be written at any time."""
    n_done = len(images) - len(rows)
    with ThreadPoolExecutor(1) as writer:
        waiting: list[Future[Path]] = []
        try:
            for row, data in _samples(model, subjects, rows):
                volume = Volume(_check(data, model), model.grid.matrix)
                waiting.append(writer.submit(write_volume, volume, images[row]))
                n_done += 1
                while len(waiting) >= PENDING or (waiting and waiting[0].done()):
                    waiting.pop(0).result()
                if on_image is not None:
                    on_image(n_done, len(images))
            for future in waiting:
                future.result()
        except OSError as error:
            raise DataError(
                f"cannot write {images[0].parents[2]} ({error.strerror}); whole images are kept, make room "
                "and repeat the command"
            ) from error


def _samples(model: Model, subjects: pd.DataFrame, rows_to_do: list[int]) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(rows_to_do), BATCH):
        rows = rows_to_do[start : start + BATCH]
        part = subjects.iloc[rows].reset_index(drop=True)
        yield from zip(rows, model.sample(part, part["seed"].tolist()), strict=True)


def _check(data: np.ndarray, model: Model) -> np.ndarray:
    if data.shape != model.grid.shape:
        raise DataError(f"model {model.name!r} gave {data.shape} voxels, its grid has {model.grid.shape}")
    if not np.isfinite(data).all():
        raise DataError(
            f"model {model.name!r} gave values that are not finite; its weights are broken, or conditions "
            "lie too far outside the training range"
        )
    return data
