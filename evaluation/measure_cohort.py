"""Measuring the quality of every image of a cohort: resumable, one process or several, one row per number.

One image is in memory at a time. Each result is kept under a key of (content of image and labels, working
resolution, versions of all measures); a run that was killed goes on where it stopped.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from plausibrain.cohorts.cohort import OK, Cohort, Note
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import MEASURES as MEASURES_TABLE
from plausibrain.evaluation.image_job import ImageRecord, Measuring, Progress, Steps, visit_images
from plausibrain.evaluation.measure_image import Measured
from plausibrain.evaluation.measuring import Value, all_measures, column_name

NOT_APPLICABLE, FAILED = "not_applicable", "failed"


@dataclass(frozen=True, eq=False)
class MeasuredCohort:
    """A cohort with the quality of its images.

    Attributes
    ----------
    cohort : Cohort
        With ``measures`` and ``measure_reasons``: what judges an image, not what only describes it.
    table : DataFrame
        Every number: columns of `plausibrain.cohorts.schemas.MEASURES` without ``cohort``.
    seconds : tuple of float
        Time of each image when it was measured, NaN for those that failed.
    n_fresh : int
        Images measured in this run.
    """

    cohort: Cohort
    table: pd.DataFrame
    seconds: tuple[float, ...]
    n_fresh: int


def measure_cohort(
    cohort: Cohort,
    labels: Sequence[Path | None],
    *,
    out: Path,
    voxel_mm: float = 1.0,
    n_processes: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> MeasuredCohort:
    """Measure every image of a segmented cohort, or read what an earlier run left.

    Parameters
    ----------
    cohort : Cohort
        With images. Excluded rows and rows without an image or labels get a reason instead of numbers.
    labels : sequence of (Path or None)
        Label map of every row, FreeSurfer's labels.
    out : Path
        Folder of the store; made when missing.
    voxel_mm : float
        Working resolution, the same for both cohorts.
    n_processes : int
        0 or 1 works in this process.
    progress : callable, optional
        Called after every image.

    Returns
    -------
    MeasuredCohort

    Raises
    ------
    DataError
        When the cohort has no images, or labels are not aligned with it.
    ToolError
        When a worker process died.
    """
    if cohort.images is None or len(labels) != len(cohort):
        n_images = 0 if cohort.images is None else len(cohort.images)
        raise DataError(
            f"cohort {cohort.name!r}: {n_images} images and {len(labels)} label maps for {len(cohort)} "
            "subjects; give one of each per row"
        )
    images, labels = measurable(cohort, labels)
    step = Measuring(voxel_mm, Path(out))
    records = visit_images(images, labels, Steps(measuring=step), n_processes=n_processes, progress=progress)
    return measured_cohort(cohort, dict(records))


def measurable(
    cohort: Cohort, labels: Sequence[Path | None]
) -> tuple[tuple[Path | None, ...], tuple[Path | None, ...]]:
    """Return images and labels of a cohort, None in rows that are excluded or lack one of the two."""
    ok = (cohort.subjects["status"] == OK).tolist()
    rows = zip(cohort.images or (None,) * len(cohort), labels, ok, strict=True)
    both = [
        (image, label) if good and image is not None and label is not None else (None, None)
        for image, label, good in rows
    ]
    return tuple(image for image, _ in both), tuple(label for _, label in both)


def measured_cohort(cohort: Cohort, records: Mapping[int, ImageRecord]) -> MeasuredCohort:
    """Return the cohort with what the records of its images hold of their quality.

    Parameters
    ----------
    cohort : Cohort
    records : mapping of int to ImageRecord
        By row; a row without one says itself what it lacks.
    """
    return _assemble(cohort, [_result(cohort, row, records.get(row)) for row in range(len(cohort))])


def _result(cohort: Cohort, row: int, record: ImageRecord | None) -> Measured:
    if cohort.subjects["status"].iloc[row] != OK:
        return Measured(failure=f"excluded: {cohort.subjects['reason'].iloc[row]}", fresh=False)
    if record is not None and record.measured is not None:
        return record.measured
    lacking = "image" if cohort.images is None or cohort.images[row] is None else "label map"
    return Measured(failure=f"this row has no {lacking}", fresh=False)


def _assemble(cohort: Cohort, results: Sequence[Measured]) -> MeasuredCohort:
    columns = [
        column_name(plugin.name, part) for plugin in all_measures() if plugin.judged for part in plugin.parts
    ]
    numbers = [{v.column: v.value for v in result.values} for result in results]
    reasons = [
        dict.fromkeys(columns, result.failure) | {v.column: v.reason for v in result.values}
        for result in results
    ]
    index = range(len(cohort))
    measured = replace(
        cohort,
        measures=pd.DataFrame(numbers, index=index).reindex(columns=columns),
        measure_reasons=pd.DataFrame(reasons, index=index).reindex(columns=columns),
        notes=(*cohort.notes, *_notes(cohort, results)),
    )
    seconds = tuple(result.seconds for result in results)
    return MeasuredCohort(measured, _table(cohort, results), seconds, sum(r.fresh for r in results))


def _notes(cohort: Cohort, results: Sequence[Measured]) -> Iterator[Note]:
    """Say how many images had to be changed or could not be measured, with one example each."""
    names = cohort.subjects["participant_id"].astype(str).tolist()
    usable = (cohort.subjects["status"] == OK).tolist()
    changes = {names[i]: "; ".join(r.remarks) for i, r in enumerate(results) if r.remarks}
    failures = {names[i]: r.failure for i, r in enumerate(results) if r.failure and usable[i]}
    for texts, what in ((changes, "had to be changed first"), (failures, "could not be measured")):
        if texts:
            name, why = next(iter(texts.items()))
            message = f"image quality: {len(texts)} of {sum(usable)} images {what}, for example {name}: {why}"
            yield Note("warning", "image", value=name, message=message)


def _table(cohort: Cohort, results: Sequence[Measured]) -> pd.DataFrame:
    units = {(plugin.name, part): plugin.unit for plugin in all_measures() for part in plugin.parts}
    rows = [
        (name, v.metric, v.part, v.value, units[v.metric, v.part], _status(v, result), v.reason)
        for name, result in zip(cohort.subjects["participant_id"], results, strict=True)
        for v in _all_values(result, units)
    ]
    columns = [column.name for column in MEASURES_TABLE.columns if column.name != "cohort"]
    return pd.DataFrame(rows, columns=columns)


def _all_values(result: Measured, parts: Mapping[tuple[str, str], str]) -> Sequence[Value]:
    if result.values:
        return result.values
    return [Value(metric, part, math.nan, result.failure) for metric, part in parts]


def _status(value: Value, result: Measured) -> str:
    if not math.isnan(value.value):
        return OK
    return NOT_APPLICABLE if result.values else FAILED
