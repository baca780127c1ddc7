"""Measuring the quality of every image of a cohort: resumable, one process or several, one row per number.

One image is in memory at a time. Each result is kept under a key of (content of image and labels, working
resolution, versions of all measures); a run that was killed goes on where it stopped.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from plausibrain.cohorts.arithmetic import image_threads
from plausibrain.cohorts.cohort import OK, Cohort, Note
from plausibrain.cohorts.errors import DataError, PlausibrainError, ToolError
from plausibrain.cohorts.processes import spread
from plausibrain.cohorts.schemas import MEASURES as MEASURES_TABLE
from plausibrain.cohorts.store import Store, hash_file, write_text_atomic
from plausibrain.cohorts.volumes import read_label_map, read_volume
from plausibrain.evaluation.image_normalisation import condition
from plausibrain.evaluation.measuring import Value, all_measures, column_name, measure_scan

#: Raise when the conditioning, or the form of a stored result, changes.
_FORM = 1
NOT_APPLICABLE, FAILED = "not_applicable", "failed"

Progress = Callable[[int, int], None]
"""Called as `progress(done, of)`."""


@dataclass(frozen=True)
class Job:
    """One image to measure."""

    row: int
    image: Path
    labels: Path
    voxel_mm: float
    folder: Path


@dataclass(frozen=True)
class Measured:
    """What became of one image.

    Attributes
    ----------
    values : tuple of Value
        Empty when the image failed.
    remarks : tuple of str
        What had to be done to the image before it could be measured.
    failure : str
        Why there are no values.
    seconds : float
    fresh : bool
        Measured in this run, not found in the store.
    """

    values: tuple[Value, ...] = ()
    remarks: tuple[str, ...] = ()
    failure: str = ""
    seconds: float = math.nan
    fresh: bool = True


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
    progress: Progress | None = None,
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
        Called as `progress(done, of)` after every image.

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
    results, jobs = _plan(cohort, labels, Path(out), voxel_mm)
    for done, (job, result) in enumerate(spread(run_job, jobs, n_processes, failure=_failure), start=1):
        results[job.row] = result
        if progress is not None:
            progress(done, len(jobs))
    return _assemble(cohort, [results[row] for row in range(len(cohort))])


def measure_files(image: Path, labels: Path, *, voxel_mm: float, store: Store) -> Measured:
    """Measure one image file, or read it from the store; a bad file is a failure with a reason.

    Parameters
    ----------
    image, labels : Path
    voxel_mm : float
    store : Store
    """
    try:
        key = _key(image, labels, voxel_mm)
        stored = _stored(key, store)
        if stored is not None:
            return stored
        started = time.perf_counter()
        scan = condition(read_volume(image), read_label_map(labels), voxel_mm=voxel_mm)
        values = tuple(measure_scan(scan))
    except ToolError:
        raise
    except PlausibrainError as error:
        return Measured(failure=str(error))
    result = Measured(values, scan.remarks, seconds=time.perf_counter() - started)
    _keep(result, key, store)
    return result


def _plan(
    cohort: Cohort, labels: Sequence[Path | None], out: Path, voxel_mm: float
) -> tuple[dict[int, Measured], list[Job]]:
    """Split the rows into those that cannot be measured, with the reason, and jobs."""
    settled, jobs = {}, []
    statuses = cohort.subjects["status"].tolist()
    for row, (image, label) in enumerate(zip(cohort.images or (), labels, strict=True)):
        if statuses[row] != OK:
            settled[row] = Measured(failure=f"excluded: {cohort.subjects['reason'].iloc[row]}", fresh=False)
        elif image is None or label is None:
            lacking = "image" if image is None else "label map"
            settled[row] = Measured(failure=f"this row has no {lacking}", fresh=False)
        else:
            jobs.append(Job(row, image, label, voxel_mm, out))
    return settled, jobs


def _failure(job: Job, reason: str) -> Measured:
    return Measured(failure=reason)


def run_job(job: Job) -> Measured:
    """Measure one image; runs in a worker process."""
    with image_threads():
        return measure_files(job.image, job.labels, voxel_mm=job.voxel_mm, store=Store(job.folder))


def _key(image: Path, labels: Path, voxel_mm: float) -> str:
    versions = {plugin.name: plugin.version for plugin in all_measures()}
    return Store.key("measures", hash_file(image), hash_file(labels), voxel_mm, versions, _FORM)


def _keep(result: Measured, key: str, store: Store) -> None:
    content = {
        "values": [
            [v.metric, v.part, None if math.isnan(v.value) else v.value, v.reason] for v in result.values
        ],
        "remarks": list(result.remarks),
        "seconds": result.seconds,
    }
    store.put(key, ".json", lambda target: write_text_atomic(target, json.dumps(content, allow_nan=False)))


def _stored(key: str, store: Store) -> Measured | None:
    path = store.get(key, ".json")
    try:
        content = json.loads(path.read_text()) if path is not None else None
        return None if content is None else _parsed(content)
    except (OSError, ValueError, KeyError):
        return None


def _parsed(content: Mapping[str, Any]) -> Measured:
    values = tuple(
        Value(metric, part, math.nan if value is None else float(value), reason)
        for metric, part, value, reason in content["values"]
    )
    return Measured(values, tuple(content["remarks"]), seconds=float(content["seconds"]), fresh=False)


def _assemble(cohort: Cohort, results: Sequence[Measured]) -> MeasuredCohort:
    judged = [
        column_name(plugin.name, part) for plugin in all_measures() if plugin.judged for part in plugin.parts
    ]
    numbers = [{v.column: v.value for v in result.values} for result in results]
    reasons = [
        dict.fromkeys(judged, result.failure) | {v.column: v.reason for v in result.values}
        for result in results
    ]
    index = range(len(cohort))
    measured = replace(
        cohort,
        measures=pd.DataFrame(numbers, index=index).reindex(columns=judged),
        measure_reasons=pd.DataFrame(reasons, index=index).reindex(columns=judged),
        notes=(*cohort.notes, *_notes(cohort, results)),
    )
    seconds = tuple(result.seconds for result in results)
    return MeasuredCohort(measured, _table(cohort, results), seconds, sum(r.fresh for r in results))


def _notes(cohort: Cohort, results: Sequence[Measured]) -> Iterator[Note]:
    """Say how many images had to be changed or could not be measured, with one example each."""
    names = cohort.subjects["participant_id"].astype(str).tolist()
    included = (cohort.subjects["status"] == OK).tolist()
    changed = {names[i]: "; ".join(r.remarks) for i, r in enumerate(results) if r.remarks}
    failed = {names[i]: r.failure for i, r in enumerate(results) if r.failure and included[i]}
    for found, said in ((changed, "had to be changed first"), (failed, "could not be measured")):
        if found:
            name, why = next(iter(found.items()))
            message = (
                f"image quality: {len(found)} of {sum(included)} images {said}, for example {name}: {why}"
            )
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


def _all_values(result: Measured, known: Mapping[tuple[str, str], str]) -> Sequence[Value]:
    if result.values:
        return result.values
    return [Value(metric, part, math.nan, result.failure) for metric, part in known]


def _status(value: Value, result: Measured) -> str:
    if not math.isnan(value.value):
        return OK
    return NOT_APPLICABLE if result.values else FAILED
