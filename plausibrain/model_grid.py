"""Cohorts on a model's grid: what a model was trained on and what its images are compared with."""

import json
from dataclasses import replace
from pathlib import Path

from plausibrain.cohorts.bids import image_path
from plausibrain.cohorts.cohort import Cohort, write_cohort
from plausibrain.cohorts.store import Store, hash_file, write_text_atomic
from plausibrain.cohorts.volumes import write_volume
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.preprocessing import prepare_files
from plausibrain.generation.training.data import PREPARATION_VERSION, image_files, label_files
from plausibrain.imaging import Progress

#: Entry of the sidecar that says what made an image.
MADE_FROM = "PreparedFrom"


def prepare(
    cohort: Cohort,
    out: Path,
    grid: ImageGrid,
    *,
    labels: Path | None = None,
    skull_strip: bool = True,
    progress: Progress | None = None,
) -> Cohort:
    """Write a cohort's images in atlas space on one grid, without what is known of them.

    Parameters
    ----------
    cohort : Cohort
        With images; excluded subjects are left out.
    out : Path
        BIDS folder. An image that lies there and was made from the same image, labels and grid is kept.
    grid : ImageGrid
        Of a model, or of `plausibrain.generation.preprocessing.PRESETS`.
    labels : Path, optional
        ``segmentation.tsv`` of `plausibrain segment`; else the label map lies beside each image.
    skull_strip : bool
    progress : callable, optional
        Called as ``progress(what, done, of)``.

    Returns
    -------
    Cohort
        Volumes and quality scores are not carried over: they belong to the images as they were.

    Raises
    ------
    DataError
        When an image or its labels are missing or unusable.
    """
    subjects = cohort.included
    images = tuple(image_path(out, str(name)) for name in subjects.subjects["participant_id"])
    pairs = zip(image_files(subjects), label_files(subjects, labels), images, strict=True)
    for number, (source, label_file, target) in enumerate(pairs, start=1):
        _prepare_one(source, label_file, target, grid, skull_strip=skull_strip)
        if progress is not None:
            progress(f"preparing {cohort.name}", number, len(images))
    blind = replace(subjects, images=images, volumes=None, qc=None, segmenter="unknown", source=out)
    write_cohort(blind, out)
    return blind


def _prepare_one(source: Path, labels: Path, target: Path, grid: ImageGrid, *, skull_strip: bool) -> None:
    key = Store.key(hash_file(source), hash_file(labels), grid.as_data(), skull_strip, PREPARATION_VERSION)
    sidecar = target.with_name(target.name.split(".")[0] + ".json")
    if target.exists() and _made_from(sidecar) == key:
        return
    target.unlink(missing_ok=True)  # so that a kill before the sidecar leaves nothing that looks finished
    write_volume(prepare_files(source, labels, grid, skull_strip=skull_strip), target)
    write_text_atomic(sidecar, json.dumps({"SkullStripped": skull_strip, MADE_FROM: key}) + "\n")


def _made_from(sidecar: Path) -> str | None:
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get(MADE_FROM) if isinstance(content, dict) else None
