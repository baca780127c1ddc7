"""Which image and which label map belong to every row of a cohort, wherever it came from."""

import os
from pathlib import Path

import pandas as pd

from plausibrain.cohorts.bids import bids_id, label_path
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import Store

#: What `plausibrain.imaging.segment` writes beside the volumes.
RECORD = "segmentation.tsv"
#: Folder of a run with what visits of images leave until the report is written.
SCRATCH = "scratch"

Files = tuple[tuple[Path | None, ...], tuple[Path | None, ...]]


def image_and_label_files(cohort: Cohort, segmentation: Path) -> Files | None:
    """Images and label maps of every row, or None when the cohort has none.

    Parameters
    ----------
    cohort : Cohort
    segmentation : Path
        Folder into which this run segments the cohort, if it does.

    Returns
    -------
    images, labels : tuple of (Path or None)
        Aligned with the rows.

    Notes
    -----
    In this order: label maps that the cohort names; a cohort that this run segmented;
    a folder that `plausibrain segment` wrote, which names
    the images; images with a label map ``*_dseg`` beside them.
    """
    if cohort.images is not None and cohort.labels is not None:
        return (cohort.images, cohort.labels) if any(cohort.labels) else None
    for folder in (segmentation, cohort.source):
        record = folder / RECORD
        if record.is_file() and (folder == cohort.source or cohort.images is not None):
            files = _from_record(cohort, record)
            if files is not None:
                return files
    if cohort.images is None:
        return None
    labels = tuple(None if image is None else _beside(image) for image in cohort.images)
    return (cohort.images, labels) if any(labels) else None


def results_folder(cohort: Cohort, out: Path, role: str, *, cache: Path | None = None) -> Path:
    """Return where results of a cohort's images are kept: beside its segmentation, which several runs share.

    Parameters
    ----------
    cohort : Cohort
    out : Path
        Run folder; taken where the cohort has no segmentation of ours, or one that may not be written to.
    role : str
    cache : Path, optional
        Folder that the user gave for several runs; goes before all others.
    """
    if cache is not None:
        return cache
    for folder in (out / "segmented" / role, cohort.source):
        if (folder / RECORD).is_file() and os.access(folder, os.W_OK):
            return folder
    return out


def _from_record(cohort: Cohort, record: Path) -> Files | None:
    table = pd.read_csv(record, sep="\t", dtype=str, keep_default_na=False)
    rows: dict[str, dict[str, str]] = {
        _subject(row["participant_id"]): {str(k): str(v) for k, v in row.items()}
        for row in table.to_dict("records")
    }
    records = [rows.get(_subject(name), {}) for name in cohort.subjects["participant_id"]]
    labels = [_label_file(row.get("labels", ""), record.parent) for row in records]
    images = cohort.images or [_existing(row.get("image", ""), record.parent) for row in records]
    return (tuple(images), tuple(labels)) if any(labels) and any(images) else None


def _subject(name: object) -> str:
    """BIDS name of a participant: what a folder that was written and read again calls it."""
    try:
        return bids_id(str(name))
    except DataError:
        return str(name)


def _label_file(entry: str, folder: Path) -> Path | None:
    """Label map where it was written, or in the store of a folder that has moved since."""
    if entry in ("", "n/a"):
        return None
    path = folder / entry
    return (
        path if path.is_file() else Store(folder / "store").get(path.name.removesuffix(".nii.gz"), ".nii.gz")
    )


def _existing(entry: str, folder: Path) -> Path | None:
    path = folder / entry
    return path if entry not in ("", "n/a") and path.is_file() else None


def _beside(image: Path) -> Path | None:
    if "_T1w." not in image.name:
        return None
    path = label_path(image)
    return path if path.is_file() else None
