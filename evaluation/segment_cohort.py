"""Segmenting a cohort: resumable, one process or several, a row for every image whatever happens to it.

Each result is kept in a store under a key of (content of the image, segmenter, its version, options). Killing
the run and repeating it loses at most the images in hand.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.structures import TIV
from plausibrain.evaluation.image_job import ImageRecord, Progress, Segmenting, Steps, visit_images
from plausibrain.evaluation.segment_files import Outcome, with_device
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


@dataclass(frozen=True, eq=False)
class SegmentedCohort:
    """A cohort with what a segmenter measured.

    Attributes
    ----------
    cohort : Cohort
        With ``labels``, ``volumes`` (mm3, NaN for images that failed), ``qc`` (where the segmenter has one)
        and ``segmenter``; ``subjects.status`` is ``excluded`` with the reason for images that failed.
    table : DataFrame
        One row per image, aligned with ``cohort.subjects``: `TABLE_COLUMNS`; ``labels`` is the path of the
        label map or empty.
    facts : DataFrame
        Topology and clean-up, one row per image, NaN where unknown.
    """

    cohort: Cohort
    table: pd.DataFrame
    facts: pd.DataFrame


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
    step = segmenting(segmenter, options or {}, device=device, folder=Path(out))
    nothing = (None,) * len(cohort)
    records = visit_images(
        cohort.images, nothing, Steps(segmenting=step), n_processes=n_processes, progress=progress
    )
    return segmented_cohort(cohort, dict(records), segmenter)


def segmenting(segmenter: str, options: Mapping[str, Any], *, device: str, folder: Path) -> Segmenting:
    """Return the step of a segmenter, with the device that its network runs on where it has one."""
    return Segmenting(segmenter, with_device(segmenter, options, device), folder)


def segmented_cohort(cohort: Cohort, records: Mapping[int, ImageRecord], segmenter: str) -> SegmentedCohort:
    """Return the cohort with what the records of its images hold of their segmentation.

    Parameters
    ----------
    cohort : Cohort
    records : mapping of int to ImageRecord
        By row; a row without one has no image.
    segmenter : str
    """
    no_image = Outcome.failure(segmenter, "this row has no image")
    outcomes = [records.get(row, ImageRecord()).outcome or no_image for row in range(len(cohort))]
    return _assemble(cohort, outcomes, segmenter)


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
        labels=tuple(outcome.labels for outcome in outcomes),
        notes=(*cohort.notes, *_notes(outcomes)),
    )
    return SegmentedCohort(measured, table, facts)


def _notes(outcomes: Sequence[Outcome]) -> Iterator[Note]:
    """Yield one note for every remark on headers, and one where not all images had the same arithmetic."""
    remarks = Counter(remark for outcome in outcomes for remark in outcome.remarks)
    for remark, count in remarks.items():
        yield Note("warning", "", None, "", f"{count} of {len(outcomes)} images: {remark}")

    kinds = Counter(outcome.arithmetic for outcome in outcomes if outcome.arithmetic)
    if len(kinds) > 1:
        kinds_text = "; ".join(f"{count} on {kind}" for kind, count in kinds.items())
        message = f"images were segmented in different arithmetic, which moves volumes slightly: {kinds_text}"
        yield Note("warning", "", None, "", message)


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
