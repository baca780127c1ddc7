"""The one job that images go through: opened once, segmented, measured and turned into features.

Every step asks its store first, under a key of (content, step, version, options), so a run that was killed
goes on where it stopped and a step that is new is done alone. An image that fails is a record with a reason.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from plausibrain.cohorts.arithmetic import image_threads
from plausibrain.cohorts.errors import DataError, MeasurementError
from plausibrain.cohorts.image_parts import (
    keep_freed_memory,
    parts_at_once,
    parts_per_image,
    return_freed_memory,
)
from plausibrain.cohorts.processes import Failed, spread, twice, workers_elsewhere
from plausibrain.cohorts.store import Store
from plausibrain.evaluation.extract_image import NamedExtractor, Vectors, extract_image
from plausibrain.evaluation.measure_image import Measured, measure_image
from plausibrain.evaluation.open_image import OpenImage
from plausibrain.evaluation.scratch import Scratch
from plausibrain.evaluation.segment_files import Outcome, batch_size, segment_images

Part = TypeVar("Part")


@dataclass(frozen=True)
class Segmenting:
    """How images are segmented, and the folder of the store."""

    segmenter: str
    options: Mapping[str, Any]
    folder: Path


@dataclass(frozen=True)
class Measuring:
    """At which resolution images are measured, mm, and the folder of the store."""

    voxel_mm: float
    folder: Path


@dataclass(frozen=True)
class Extracting:
    """Extractors that work on images, voxels of the standard brain, mm, and the folder of the store."""

    extractors: tuple[NamedExtractor, ...]
    voxel_mm: float
    folder: Path


@dataclass(frozen=True)
class Steps:
    """What is done with every image; a step that is None is left out.

    `scratch` is where a visit leaves what the run needs later.
    """

    segmenting: Segmenting | None = None
    measuring: Measuring | None = None
    extracting: Extracting | None = None
    scratch: Scratch | None = None

    def absolute(self) -> "Steps":
        """Return the steps with stores that every process finds, wherever it was started."""
        segmenting, measuring, extracting = self.segmenting, self.measuring, self.extracting
        scratch = self.scratch
        return Steps(
            segmenting and replace(segmenting, folder=Path(segmenting.folder).absolute()),
            measuring and replace(measuring, folder=Path(measuring.folder).absolute()),
            extracting and replace(extracting, folder=Path(extracting.folder).absolute()),
            scratch and replace(scratch, folder=Path(scratch.folder).absolute()),
        )


@dataclass(frozen=True)
class ImageJob:
    """Images that one process visits: one, or as many as the segmenter takes at a time.

    Attributes
    ----------
    n_parts : int
        Parts of an image that may run at a time; no number depends on it.
    """

    rows: tuple[int, ...]
    images: tuple[Path, ...]
    labels: tuple[Path | None, ...]
    steps: Steps
    n_parts: int = 1


@dataclass(frozen=True)
class ImageRecord:
    """What became of one image: numbers and keys; arrays lie in the stores.

    Attributes
    ----------
    outcome : Outcome or None
        Of the segmentation, where it is a step.
    measured : Measured or None
    vectors : Vectors or None
    hashes : tuple of str, or None
        SHA-256 of image and label map, where both could be read.
    """

    outcome: Outcome | None = None
    measured: Measured | None = None
    vectors: Vectors | None = None
    hashes: tuple[str, str] | None = None

    @property
    def parts(self) -> list[Outcome | Measured | Vectors]:
        """Results of the steps."""
        return [part for part in (self.outcome, self.measured, self.vectors) if part is not None]

    @property
    def fresh(self) -> bool:
        """Whether something was computed in this run."""
        return any(part.fresh for part in self.parts)

    @property
    def reason(self) -> str:
        """Why a step failed; empty when all went well."""
        if self.outcome is not None and self.outcome.status == "failed":
            return "; ".join(self.outcome.reasons)
        if self.measured is not None and self.measured.failure:
            return self.measured.failure
        return next(iter(self.vectors.failures.values()), "") if self.vectors is not None else ""


@dataclass(frozen=True)
class Progress:
    """How far the work on the images of a cohort is.

    Attributes
    ----------
    done, total : int
        Images.
    n_failed : int
    n_fresh : int
        Images on which something was computed in this run; of the others all was found in the store.
    seconds : float
        Since the start of this run.
    row : int
        Of the image that was finished last.
    reason : str
        Why that image failed; empty when it did not.
    """

    done: int
    total: int
    n_failed: int
    n_fresh: int
    seconds: float
    row: int
    reason: str = ""

    @property
    def per_minute(self) -> float:
        """Images worked on per minute in this run, NaN before the first."""
        return 60 * self.n_fresh / self.seconds if self.n_fresh and self.seconds > 0 else float("nan")

    @property
    def seconds_left(self) -> float:
        """Time left at the present rate, NaN before the first image."""
        return 60 * (self.total - self.done) / self.per_minute


def visit_images(
    images: Sequence[Path | None],
    labels: Sequence[Path | None],
    steps: Steps,
    *,
    n_processes: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[tuple[int, ImageRecord]]:
    """Yield the row and the record of every image, as they finish; rows without an image have none.

    Parameters
    ----------
    images, labels : sequence of (Path or None)
        By row. An image without labels is only segmented, and one that is segmented needs none.
    steps : Steps
    n_processes : int
        0 or 1 works in this process. No number depends on it. Where the machine has two cores for each, two
        threads share the work on an image.
    progress : callable, optional
        Called after every image.

    Raises
    ------
    DataError, ToolError
        When a step cannot be done at all: a setting or a program that every image meets.
    """
    jobs = image_jobs(images, labels, steps.absolute())
    if not workers_elsewhere():
        n_parts = parts_per_image(min(max(1, n_processes), len(jobs)))
        jobs = [replace(job, n_parts=n_parts) for job in jobs]
    total = sum(len(job.rows) for job in jobs)
    n_done = n_failed = n_fresh = 0
    start = time.perf_counter()
    for job, records in spread(visit, jobs, n_processes, failure=_failure):
        for row, record in zip(job.rows, records, strict=True):
            n_done, n_fresh = n_done + 1, n_fresh + record.fresh
            n_failed += record.reason != ""
            if progress is not None:
                seconds = time.perf_counter() - start
                progress(Progress(n_done, total, n_failed, n_fresh, seconds, row, record.reason))
            yield row, record
    return_freed_memory()


def image_jobs(images: Sequence[Path | None], labels: Sequence[Path | None], steps: Steps) -> list[ImageJob]:
    """Return the jobs of all rows that have an image."""
    rows = [(row, Path(path).absolute()) for row, path in enumerate(images) if path is not None]
    label_paths = [None if path is None else Path(path).absolute() for path in labels]
    size = 1 if steps.segmenting is None else batch_size(steps.segmenting.segmenter)
    batches = [rows[k : k + size] for k in range(0, len(rows), size)]
    return [
        ImageJob(
            tuple(row for row, _ in batch), tuple(path for _, path in batch),
            tuple(label_paths[row] for row, _ in batch), steps,
        )
        for batch in batches
    ]  # fmt: skip


def visit(job: ImageJob) -> list[ImageRecord]:
    """Return the records of one job; runs in a worker process."""
    steps = job.steps
    images = [OpenImage(path, labels) for path, labels in zip(job.images, job.labels, strict=True)]
    keep_freed_memory()
    with image_threads(), parts_at_once(job.n_parts):
        outcomes: list[Outcome | None] = [None] * len(images)
        if steps.segmenting is not None:
            outcomes[:] = segment_images(
                images, segmenter=steps.segmenting.segmenter, options=steps.segmenting.options,
                store=Store(steps.segmenting.folder),
            )  # fmt: skip
        records = []
        for image, outcome in zip(images, outcomes, strict=True):
            records.append(_record(image, outcome, steps))
            image.forget()
        return records


def _record(image: OpenImage, outcome: Outcome | None, steps: Steps) -> ImageRecord:
    """Measure and extract an image that has labels."""
    if outcome is not None and outcome.labels is None:
        return ImageRecord(outcome)
    measured = vectors = None
    if (measuring := steps.measuring) is not None:
        store = Store(measuring.folder)
        measured = _or_failure(
            lambda: measure_image(image, voxel_mm=measuring.voxel_mm, store=store),
            lambda reason: Measured(failure=reason),
        )
    if (extracting := steps.extracting) is not None:
        plugins, place = extracting.extractors, Store(extracting.folder)
        vectors = _or_failure(
            lambda: extract_image(image, plugins, voxel_mm=extracting.voxel_mm, store=place),
            lambda reason: no_vectors(extracting, reason),
        )
    if (scratch := steps.scratch) is not None:
        # What fails here fails again, with its reason, where it is needed.
        _or_failure(lambda: _left(scratch, image), lambda _: None)
    return ImageRecord(outcome, measured, vectors, image.known_hashes)


def _left(scratch: Scratch, image: OpenImage) -> None:
    try:
        scratch.leave(image)
    except (DataError, MeasurementError):
        return


def _or_failure(step: Callable[[], Part], failure: Callable[[str], Part]) -> Part:
    """Repeat a step once that raised what nobody expected: its fault leaves the other steps alone."""
    result = twice(lambda _: step(), None)
    return failure(result.reason) if isinstance(result, Failed) else result


def no_vectors(extracting: Extracting, reason: str) -> Vectors:
    """Return what becomes of an image from which nothing was extracted."""
    return Vectors({}, {extractor.name: reason for extractor in extracting.extractors})


def _failure(job: ImageJob, reason: str) -> list[ImageRecord]:
    steps = job.steps
    return [
        ImageRecord(
            None if steps.segmenting is None else Outcome.failure(steps.segmenting.segmenter, reason),
            None if steps.measuring is None else Measured(failure=reason),
            None if steps.extracting is None else no_vectors(steps.extracting, reason),
        )
    ] * len(job.rows)
