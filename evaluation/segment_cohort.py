"""Segmenting a cohort: resumable, one process or several, a row for every image whatever happens to it.

Each result is kept in a store under a key of (content of the image, segmenter, its version, options). Killing
the run and repeating it loses at most the images in hand.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.arithmetic import image_threads
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.processes import spread
from plausibrain.cohorts.store import Store
from plausibrain.cohorts.structures import TIV
from plausibrain.evaluation.segment_files import Outcome, batch_size, segment_files, with_device
from plausibrain.evaluation.segmentation import TIV_RANGE_MM3

#: Columns of `SegmentedCohort.table` beside one per fact.
TABLE_COLUMNS = (
    "participant_id",
    "status",
    "reason",
    "remarks",
    "seconds",
    "peak_memory_mb",
    "segmenter",
    "version",
    "labels",
)


@dataclass(frozen=True)
class Progress:
    """How far a segmentation run is.

    Attributes
    ----------
    done, total : int
        Images.
    n_failed : int
    seconds : float
        Since the start of this run.
    n_fresh : int
        Images segmented in this run; the others were found in the store.
    participant_id : str
        The image that was finished last.
    """

    done: int
    total: int
    n_failed: int
    n_fresh: int
    seconds: float
    participant_id: str

    @property
    def per_minute(self) -> float:
        """Images segmented per minute in this run, NaN before the first."""
        return 60 * self.n_fresh / self.seconds if self.n_fresh and self.seconds > 0 else float("nan")

    @property
    def seconds_left(self) -> float:
        """Time left at the present rate, NaN before the first image."""
        return 60 * (self.total - self.done) / self.per_minute


@dataclass(frozen=True, eq=False)
class SegmentedCohort:
    """A cohort with what a segmenter measured.

    Attributes
    ----------
    cohort : Cohort
        With ``volumes`` (mm3, NaN for images that failed), ``qc`` (where the segmenter has one) and
        ``segmenter``; ``subjects.status`` is ``excluded`` with the reason for images that failed.
    table : DataFrame
        One row per image, aligned with ``cohort.subjects``: `TABLE_COLUMNS`; ``labels`` is the path of the
        label map or empty.
    facts : DataFrame
        Topology and clean-up, one row per image, NaN where unknown.
    """

    cohort: Cohort
    table: pd.DataFrame
    facts: pd.DataFrame


@dataclass(frozen=True)
class Job:
    """What a worker needs: rows and paths of one batch, and the settings of the run."""

    rows: tuple[int, ...]
    paths: tuple[Path, ...]
    segmenter: str
    options: Mapping[str, Any]
    folder: Path


def segment_cohort(
    cohort: Cohort,
    *,
    out: Path,
    segmenter: str = "synthseg_style",
    n_processes: int = 1,
    options: Mapping[str, Any] | None = None,
    device: str = "cpu",
    progress: Callable[[Progress], None] | None = None,
) -> SegmentedCohort:
    """Segment every image of a cohort, or read what an earlier run left.

    Parameters
    ----------
    cohort : Cohort
        ``images`` says where they are; rows without an image get the status ``failed``.
    out : Path
        Folder of the store; made when missing.
    segmenter : str
        Name in `SEGMENTERS`.
    n_processes : int
        0 or 1 works in this process. Each process takes one thread per image, so that their number changes no
        number.
    options : mapping, optional
        Further arguments of the segmenter.
    device : str
        Where its network runs: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
    progress : callable, optional
        Called after every image.

    Returns
    -------
    SegmentedCohort

    Raises
    ------
    DataError
        When the cohort has no images or there is no such segmenter.
    ToolError
        When the segmenter itself cannot run, or a worker process died.
    """
    if cohort.images is None:
        raise DataError(f"cohort {cohort.name!r} has no images ({cohort.source}); give a folder with images")
    jobs = _make_jobs(cohort.images, segmenter, with_device(segmenter, options or {}, device), Path(out))
    missing = Outcome.failure(segmenter, "this row has no image")
    outcomes = [missing] * len(cohort)
    done = n_failed = sum(path is None for path in cohort.images)
    n_fresh, started = 0, time.perf_counter()
    for row, outcome in _run(jobs, n_processes):
        outcomes[row] = outcome
        done, n_fresh = done + 1, n_fresh + outcome.fresh
        n_failed += outcome.status == "failed"
        if progress is not None:
            identity = str(cohort.subjects["participant_id"].iloc[row])
            seconds = time.perf_counter() - started
            progress(Progress(done, len(cohort), n_failed, n_fresh, seconds, identity))
    return _assemble(cohort, outcomes, segmenter)


def _make_jobs(
    images: Sequence[Path | None], segmenter: str, options: dict[str, Any], out: Path
) -> list[Job]:
    rows = [row for row, path in enumerate(images) if path is not None]
    size = batch_size(segmenter)
    batches = [rows[k : k + size] for k in range(0, len(rows), size)]
    return [
        Job(tuple(batch), tuple(Path(str(images[r])) for r in batch), segmenter, options, out)
        for batch in batches
    ]


def _run(jobs: Sequence[Job], n_processes: int) -> Iterator[tuple[int, Outcome]]:
    for job, outcomes in spread(run_job, jobs, n_processes, failure=_failure):
        yield from zip(job.rows, outcomes, strict=True)


def _failure(job: Job, reason: str) -> list[Outcome]:
    return [Outcome.failure(job.segmenter, reason)] * len(job.rows)


def run_job(job: Job) -> list[Outcome]:
    """Return the outcomes of one batch; runs in a worker process."""
    with image_threads():
        return segment_files(job.paths, segmenter=job.segmenter, options=job.options, store=Store(job.folder))


def _assemble(cohort: Cohort, outcomes: Sequence[Outcome], segmenter: str) -> SegmentedCohort:
    rows = [
        {
            "status": outcome.status,
            "reason": "; ".join(outcome.reasons),
            "remarks": "; ".join(outcome.remarks),
            "seconds": outcome.seconds,
            "peak_memory_mb": outcome.peak_memory_mb,
            "segmenter": segmenter,
            "version": outcome.version,
            "labels": str(outcome.labels or ""),
        }
        for outcome in outcomes
    ]
    table = pd.DataFrame(rows, columns=list(TABLE_COLUMNS[1:]))
    table.insert(0, "participant_id", cohort.subjects["participant_id"].to_numpy())
    volumes = pd.DataFrame([dict(outcome.volumes) for outcome in outcomes]).astype(np.float64)
    quality = pd.DataFrame([dict(outcome.qc) for outcome in outcomes]).astype(np.float64)
    facts = pd.DataFrame([dict(outcome.facts) for outcome in outcomes]).astype(np.float64)
    measured = replace(
        cohort,
        subjects=_with_status(cohort.subjects, table, volumes.get(TIV, pd.Series(np.nan, index=table.index))),
        volumes=volumes,
        qc=quality if len(quality.columns) else None,
        segmenter=segmenter,
        notes=(*cohort.notes, *_notes(outcomes)),
    )
    return SegmentedCohort(measured, table, facts)


def _notes(outcomes: Sequence[Outcome]) -> Iterator[Note]:
    """Yield one note for every remark on headers."""
    remarks = Counter(remark for outcome in outcomes for remark in outcome.remarks)
    for remark, count in remarks.items():
        yield Note("warning", "", None, "", f"{count} of {len(outcomes)} images: {remark}")


def _with_status(subjects: pd.DataFrame, table: pd.DataFrame, heads: pd.Series) -> pd.DataFrame:
    """Return the subjects with failed images and impossible heads excluded; an earlier reason stays."""
    low, high = TIV_RANGE_MM3
    why = pd.Series("", index=subjects.index, dtype="str")
    why = why.mask((heads < low) | (heads > high), (heads / 1000).map("head size of {:,.0f} mL".format))
    why = why.mask(why != "", why + f" is outside {low / 1000:,.0f} to {high / 1000:,.0f} mL")
    why = why.mask((table["status"] == "failed").to_numpy(), "segmentation: " + table["reason"].astype(str))
    newly = (why != "") & (subjects["status"] == "ok")
    return subjects.assign(
        status=subjects["status"].mask(newly, "excluded"), reason=subjects["reason"].mask(newly, why)
    )
