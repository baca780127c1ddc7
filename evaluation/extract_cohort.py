"""Feature vectors of every image of a cohort: one image in memory at a time, resumable.

A bad image is a row of NaN with a reason. Each vector is kept in a store under a key of (content of image
and labels, extractor with its hash). A standard brain is made once per image and given to every extractor
that still lacks its vector.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from plausibrain.cohorts.arithmetic import image_threads
from plausibrain.cohorts.cohort import OK, Cohort
from plausibrain.cohorts.errors import DataError, PlausibrainError, ToolError
from plausibrain.cohorts.processes import spread
from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.evaluation.extraction import (
    Extractor,
    check_options,
    default_extractors,
    extractors,
    full_name,
    per_image,
)
from plausibrain.evaluation.standard_brain import Source, sources_of

Progress = Callable[[int, int], None]
"""Called as `progress(done, of)`."""


@dataclass(frozen=True, eq=False)
class ExtractedCohort:
    """A cohort with feature vectors.

    Attributes
    ----------
    cohort : Cohort
        With ``features``: extractor and hash -> (n, d), a NaN row where there is no vector.
    table : DataFrame
        One row per image and extractor that failed: ``participant_id``, ``extractor``, ``reason``.
    n_fresh : int
        Images for which something was extracted in this run.
    """

    cohort: Cohort
    table: pd.DataFrame
    n_fresh: int


@dataclass(frozen=True)
class _Named:
    """An extractor with its options, and its full name."""

    plugin: Extractor
    options: Mapping[str, Any]
    name: str


def extract_cohort(
    cohort: Cohort,
    labels: Sequence[Path | None],
    *,
    out: Path,
    names: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    voxel_mm: float = 1.0,
    n_processes: int = 1,
    progress: Progress | None = None,
) -> ExtractedCohort:
    """Extract feature vectors of every image, or read what an earlier run left.

    Parameters
    ----------
    cohort : Cohort
        Excluded rows get no vector.
    labels : sequence of (Path or None)
        Label map of every row.
    out : Path
        Folder of the store; made when missing.
    names : sequence of str, optional
        Extractors; the default ones when not given.
    options : mapping of str to mapping, optional
        Options of extractors by name, for example ``{"medicalnet": {"weights": "resnet_50.pth"}}``.
    voxel_mm : float
        Of the standard brain, the same for both cohorts.
    n_processes : int
        0 or 1 works in this process.
    progress : callable, optional
        Called as `progress(done, of)` after every image.

    Raises
    ------
    DataError
        For an unknown extractor or option, or labels that are not aligned with the cohort.
    ToolError
        When the weights of an extractor cannot be read.
    """
    chosen = _named(names, options or {}, voxel_mm)
    images = cohort.images or (None,) * len(cohort)
    if len(labels) != len(cohort):
        raise DataError(f"cohort {cohort.name!r}: {len(labels)} label maps for {len(cohort)} subjects")
    ok = (cohort.subjects["status"] == OK).to_numpy()
    sources = [s if good else None for s, good in zip(sources_of(images, labels), ok, strict=True)]
    rows = _Rows([e for e in chosen if per_image(e.plugin)], voxel_mm, Store(out), len(cohort))
    if n_processes > 1:
        given = {e.plugin.name: e.options for e in rows.chosen}
        jobs = [Job(k, s, given, voxel_mm, Path(out)) for k, s in enumerate(sources) if s is not None]
        work = spread(run_job, jobs, n_processes, failure=_failure)
        for done, (job, outcome) in enumerate(work, start=1):
            if isinstance(outcome, str):
                rows.fail(job.row, outcome)
                sources[job.row] = None
            else:
                rows.n_fresh += outcome
            if progress is not None:
                progress(done, len(jobs))
        progress = None
    for row, source in enumerate(sources):
        with image_threads():
            rows.add(row, source)
        if progress is not None:
            progress(row + 1, len(sources))
    features = rows.matrices() | _from_tables(cohort, [e for e in chosen if not per_image(e.plugin)])
    ids = cohort.subjects["participant_id"].to_numpy(dtype=str)
    failures = [
        {"participant_id": ids[row], "extractor": name, "reason": why} for row, name, why in rows.failures
    ]
    table = pd.DataFrame(failures, columns=["participant_id", "extractor", "reason"])
    return ExtractedCohort(replace(cohort, features={**cohort.features, **features}), table, rows.n_fresh)


@dataclass(frozen=True)
class Job:
    """One image whose vectors another process puts into the store."""

    row: int
    source: Source
    options: Mapping[str, Mapping[str, Any]]
    voxel_mm: float
    folder: Path


def run_job(job: Job) -> int | str:
    """Extract one image into the store and return 1, or 0 if all was there; a bad image leaves nothing."""
    rows = _Rows(_named(list(job.options), job.options, job.voxel_mm), job.voxel_mm, Store(job.folder), 1)
    with image_threads():
        rows.add(0, job.source)
    return rows.n_fresh


def _failure(job: Job, reason: str) -> int | str:
    return reason


def _named(
    names: Sequence[str] | None, options: Mapping[str, Mapping[str, Any]], voxel_mm: float
) -> list[_Named]:
    chosen = list(names) if names is not None else default_extractors()
    stray = sorted(set(options) - set(chosen))
    if stray:
        raise DataError(
            f"options for {', '.join(stray)}, which is not among the extractors {', '.join(chosen)}"
        )
    result = []
    for name in chosen:
        plugin, given = extractors()[name], dict(options.get(name, {}))
        check_options(plugin, given)
        result.append(_Named(plugin, given, full_name(plugin, given, voxel_mm=voxel_mm)))
    return result


class _Rows:
    """Matrices that fill row by row."""

    def __init__(self, chosen: Sequence[_Named], voxel_mm: float, store: Store, n_rows: int) -> None:
        self.chosen, self.voxel_mm, self.store, self.n_rows = chosen, voxel_mm, store, n_rows
        self.filled: dict[str, np.ndarray] = {}
        self.failures: list[tuple[int, str, str]] = []
        self.n_fresh = 0

    def add(self, row: int, source: Source | None) -> None:
        """Fill one row of every matrix."""
        if source is None or not self.chosen:
            return
        try:
            keys = {e.name: Store.key("features", source.key, e.name) for e in self.chosen}
            todo = [e for e in self.chosen if not self._found(row, e, keys[e.name])]
            if todo:
                self.n_fresh += 1
                brain = torch.from_numpy(source.brain(self.voxel_mm))
                for extractor in todo:
                    self._extract(row, extractor, brain, keys[extractor.name])
        except ToolError:
            raise
        except PlausibrainError as error:
            self.fail(row, str(error))

    def fail(self, row: int, reason: str) -> None:
        """Note that a row has no vectors."""
        self.failures += [(row, e.name, reason) for e in self.chosen]

    def matrices(self) -> dict[str, np.ndarray]:
        """Return the matrices; extractors that no image gave a vector for are left out."""
        return self.filled

    def _found(self, row: int, extractor: _Named, key: str) -> bool:
        path = self.store.get(key, ".npy")
        if path is not None:
            self._put(row, extractor, np.load(path, allow_pickle=False))
            return True
        path = self.store.get(key, ".json")
        if path is not None:
            self.failures.append(
                (row, extractor.name, json.loads(path.read_text(encoding="utf-8"))["reason"])
            )
        return path is not None

    def _extract(self, row: int, extractor: _Named, brain: torch.Tensor, key: str) -> None:
        vector = np.asarray(extractor.plugin(brain=brain, **extractor.options), dtype=np.float32).ravel()
        if np.isfinite(vector).all():
            self.store.put(key, ".npy", lambda path: np.save(path, vector, allow_pickle=False))
            self._put(row, extractor, vector)
            return
        reason = f"{int((~np.isfinite(vector)).sum())} of {len(vector)} features are not finite"
        self.store.put(key, ".json", lambda path: write_text_atomic(path, json.dumps({"reason": reason})))
        self.failures.append((row, extractor.name, reason))

    def _put(self, row: int, extractor: _Named, vector: np.ndarray) -> None:
        if extractor.name not in self.filled:
            self.filled[extractor.name] = np.full((self.n_rows, len(vector)), math.nan, dtype=np.float32)
        self.filled[extractor.name][row] = vector


def _from_tables(cohort: Cohort, chosen: Sequence[_Named]) -> dict[str, np.ndarray]:
    tables = {"volumes": cohort.volumes, "measures": cohort.measures}
    found = {}
    for extractor in chosen:
        asked = {name: tables[name] for name in extractor.plugin.parameters if name in tables}
        if all(table is not None for table in asked.values()):
            found[extractor.name] = np.asarray(extractor.plugin(**asked, **extractor.options), dtype=float)
    return found
