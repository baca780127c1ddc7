"""Feature vectors of every image of a cohort: one image in memory at a time, resumable.

A bad image is a row of NaN with a reason. Each vector is kept in a store under a key of (content of image
and labels, extractor with its hash). A standard brain is made once per image and given to every extractor
that still lacks its vector.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import OK, Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import Store
from plausibrain.evaluation.extract_image import NamedExtractor, named_extractors
from plausibrain.evaluation.extraction import per_image
from plausibrain.evaluation.image_job import Extracting, ImageRecord, Progress, Steps, visit_images
from plausibrain.evaluation.measure_cohort import measurable


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


def extract_cohort(
    cohort: Cohort,
    labels: Sequence[Path | None],
    *,
    out: Path,
    names: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    voxel_mm: float = 1.0,
    n_processes: int = 1,
    progress: Callable[[Progress], None] | None = None,
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
        Called after every image.

    Raises
    ------
    DataError
        For an unknown extractor or option, or labels that are not aligned with the cohort.
    ToolError
        When the weights of an extractor cannot be read.
    """
    if len(labels) != len(cohort):
        raise DataError(f"cohort {cohort.name!r}: {len(labels)} label maps for {len(cohort)} subjects")
    plugins = named_extractors(names, options or {}, voxel_mm)
    step = extracting(plugins, voxel_mm=voxel_mm, folder=Path(out))
    images, label_paths = measurable(cohort, labels)
    records = visit_images(
        images, label_paths, Steps(extracting=step), n_processes=n_processes, progress=progress
    )
    return extracted_cohort(cohort, dict(records), plugins, Store(out))


def extracting(plugins: Sequence[NamedExtractor], *, voxel_mm: float, folder: Path) -> Extracting:
    """Return the step of those extractors that work on images."""
    return Extracting(tuple(e for e in plugins if per_image(e.plugin)), voxel_mm, folder)


def extracted_cohort(
    cohort: Cohort, records: Mapping[int, ImageRecord], plugins: Sequence[NamedExtractor], store: Store
) -> ExtractedCohort:
    """Return the cohort with the vectors that the records of its images name.

    Parameters
    ----------
    cohort : Cohort
    records : mapping of int to ImageRecord
        By row; a row without one has no vectors.
    plugins : sequence of NamedExtractor
        Those that work on tables are computed here.
    store : Store
        Where the vectors lie.
    """
    ids = cohort.subjects["participant_id"].to_numpy(dtype=str)
    ok = (cohort.subjects["status"] == OK).to_numpy()
    matrices: dict[str, np.ndarray] = {}
    failures: list[dict[str, str]] = []
    n_fresh = 0
    for row, record in sorted(records.items()):
        if record.vectors is None or not ok[row]:
            continue
        n_fresh += record.vectors.fresh
        for name, key in record.vectors.keys.items():
            vector = _vector(store, key)
            matrix = matrices.setdefault(name, np.full((len(cohort), len(vector)), math.nan, np.float32))
            matrix[row] = vector
        failures += [
            {"participant_id": ids[row], "extractor": name, "reason": reason}
            for name, reason in record.vectors.failures.items()
        ]
    features = _order(matrices, plugins) | _from_tables(cohort, plugins)
    table = pd.DataFrame(failures, columns=["participant_id", "extractor", "reason"])
    return ExtractedCohort(replace(cohort, features={**cohort.features, **features}), table, n_fresh)


def _vector(store: Store, key: str) -> np.ndarray:
    path = store.get(key, ".npy")
    if path is None:
        raise DataError(
            f"{store.folder}: a result that was just there is gone; was the folder deleted? "
            "Repeat the command"
        )
    return np.asarray(np.load(path, allow_pickle=False))


def _order(matrices: Mapping[str, np.ndarray], plugins: Sequence[NamedExtractor]) -> dict[str, np.ndarray]:
    return {e.name: matrices[e.name] for e in plugins if e.name in matrices}


def _from_tables(cohort: Cohort, plugins: Sequence[NamedExtractor]) -> dict[str, np.ndarray]:
    tables = {"volumes": cohort.volumes, "measures": cohort.measures}
    features = {}
    for extractor in plugins:
        if per_image(extractor.plugin):
            continue
        request = {name: tables[name] for name in extractor.plugin.parameters if name in tables}
        if all(table is not None for table in request.values()):
            features[extractor.name] = np.asarray(
                extractor.plugin(**request, **extractor.options), dtype=float
            )
    return features
