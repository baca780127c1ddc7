"""Whether errors of a run vary with how folded the cortex is: the command `complexity`, and part of a run.

Geometry is measured on label maps of the reference, of a few subjects chosen by seed: regions differ by more
than subjects do. Each result lies in a store under the content of its label map. Where the reference has
volumes of parcels but no label maps, the typical geometry of the package stands in.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from plausibrain.analysis.complexity import LEAST_REGIONS, MEASURES, complexity_table, errors_by_parcel
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.errors import DataError, MeasurementError
from plausibrain.cohorts.processes import spread
from plausibrain.cohorts.schemas import COMPLEXITY, GEOMETRY, RESULTS
from plausibrain.cohorts.store import Store, hash_file
from plausibrain.cohorts.tables import read_table, stored_table, write_table
from plausibrain.cohorts.typical_geometry import typical_geometry
from plausibrain.config import describe
from plausibrain.image_files import image_and_label_files, results_folder

Progress = Callable[[str, int, int], None]
#: Raise when parcels or their geometry change, so that stored results are made anew.
VERSION = 1


class _Job(NamedTuple):
    labels: Path
    store: Path


def complexity(
    run: Path,
    labels: Path,
    out: Path,
    *,
    most: int,
    headsize: str,
    seed: int = 0,
    progress: Progress | None = None,
) -> str:
    """Write geometry and its association with the errors of a run; return lines that say what came out.

    Parameters
    ----------
    run : Path
        Run folder whose tables have cortical parcels.
    labels : Path
        Segmented cohort (the reference), whose cortex is divided into parcels where it is whole, or a
        `geometry.tsv` of an earlier call.
    out : Path
        Folder to write `geometry.tsv` and `complexity.tsv` into.
    most : int
        Subjects to measure, chosen by seed.
    headsize : str
        Head-size convention of the differences.
    seed : int
    progress : callable, optional

    Raises
    ------
    DataError
        When there is no run, no label map, or no parcel in them.
    """
    if not stored_table(run / "tables", "results").is_file():
        raise DataError(f"{run}: no tables/results.tsv; this is no run folder")
    results = read_table(stored_table(run / "tables", "results"), RESULTS)
    settings = _settings(seed, headsize)
    if not _has_parcels(results, settings.headsize):  # before geometry is measured, which takes long
        raise DataError(
            f"{run}: its tables have no cortical parcels; segment both cohorts with a program that "
            "parcellates the cortex"
        )
    if labels.is_file():
        geometry = read_table(labels, GEOMETRY)
    else:
        cohort = read_cohort(labels, min_subjects=1)
        geometry = mean_geometry(cohort, folder=out / "store", most=most, seed=seed, progress=progress)
        write_table(geometry, out / "geometry.tsv", GEOMETRY)
    table = complexity_table(results, geometry, headsize=settings.headsize, settings=settings)
    if table["rho"].isna().all():
        raise DataError(
            f"{run}: its tables have no cortical parcels in both hemispheres that {labels} has; segment both "
            "cohorts with a program that parcellates the cortex"
        )
    write_table(table, out / "complexity.tsv", COMPLEXITY)
    return "\n".join(
        [f"{out / 'complexity.tsv'}: permutation within lobes, both hemispheres alike", *_lines(table)]
    )


def complexity_of_run(
    results: pd.DataFrame,
    reference: Cohort,
    *,
    out: Path,
    cache: Path | None,
    most: int,
    settings: Settings,
    n_processes: int = 1,
    progress: Progress | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables `geometry` and `complexity` of a run; nothing is measured where no parcels are.

    Parameters
    ----------
    results : DataFrame
        Results of the run.
    reference : Cohort
    out : Path
        Run folder.
    cache : Path or None
        Folder that runs share.
    most : int
        Subjects of the reference to measure; 0 takes the typical geometry.
    settings : Settings
    n_processes : int
    progress : callable, optional
    """
    headsize, geometry = settings.headsize, typical_geometry()
    if most and _has_parcels(results, headsize):
        folder = results_folder(reference, out, "reference", cache=cache)
        try:
            geometry = mean_geometry(
                reference, folder=folder / "geometry", segmentation=out / "segmented" / "reference",
                most=most, seed=settings.seed, n_processes=n_processes, progress=progress,
            )  # fmt: skip
        except DataError:  # no label maps, or none that can be divided: the typical geometry says so
            geometry = typical_geometry()
    return geometry, complexity_table(results, geometry, headsize=headsize, settings=settings)


def _settings(seed: int, headsize: str) -> Settings:
    try:
        return Settings.model_validate({"seed": seed, "headsize": headsize})
    except ValidationError as error:
        raise DataError(describe(error)) from None


def _has_parcels(results: pd.DataFrame, headsize: str) -> bool:
    """Tell whether a run has errors of so many parcels that an association can be looked for."""
    return int(errors_by_parcel(results, headsize).notna().any(axis=1).sum()) >= 2 * LEAST_REGIONS


def _lines(table: pd.DataFrame) -> list[str]:
    rows: list[dict[str, Any]] = [
        {str(k): v for k, v in row.items()} for row in table.dropna(subset=["rho"]).to_dict("records")
    ]
    return [
        f"{row['measure'].replace('_', ' ')} and {row['label']}: rho {row['rho']:+.2f}, p {row['p']:.4f} "
        f"({row['n_parcels']} parcels), {row['verdict']}"
        for row in rows
    ]


def mean_geometry(
    cohort: Cohort,
    *,
    folder: Path,
    most: int,
    segmentation: Path | None = None,
    seed: int = 0,
    n_processes: int = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return the mean geometry of every parcel over subjects; columns of `GEOMETRY`.

    Parameters
    ----------
    cohort : Cohort
        With label maps.
    folder : Path
        Of the store.
    most : int
        Subjects to measure, chosen by seed.
    segmentation : Path, optional
        Folder into which a run segmented the cohort.
    seed : int
    n_processes : int
    progress : callable, optional

    Raises
    ------
    DataError
        When there are no label maps, or none has parcels.
    """
    files = image_and_label_files(cohort, segmentation or cohort.source)
    paths = [path for path in files[1] if path is not None] if files is not None else []
    if not paths:
        raise DataError(f"{cohort.source}: no label maps; segment the images first")
    sample = np.sort(np.random.default_rng(seed).permutation(len(paths))[:most])
    jobs = [_Job(paths[i].absolute(), folder.absolute()) for i in sample]
    rows: list[dict[str, Any]] = []
    if progress is not None:
        progress("cortical geometry", 0, len(jobs))
    results: dict[Path, list[dict[str, Any]]] = {}
    for number, (job, regions) in enumerate(spread(_geometry_of, jobs, n_processes), 1):
        results[job.labels] = regions
        if progress is not None:
            progress("cortical geometry", number, len(jobs))
    for job in jobs:  # in the order of the cohort, so that sums have the same digits
        rows += results[job.labels]
    if not rows:
        raise DataError(f"{cohort.source}: no label map has cortical parcels (Desikan-Killiany)")
    return mean_over_subjects(rows).assign(source="reference")


def mean_over_subjects(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the mean of every measure by parcel and the number of subjects, from one row per parcel."""
    groups = pd.DataFrame(rows).groupby("structure")
    return groups[list(MEASURES)].mean().assign(n=groups.size()).reset_index()


def _geometry_of(job: _Job) -> list[dict[str, Any]]:
    """Return the geometry of every parcel of one label map, or nothing where it cannot be divided."""
    from plausibrain.cohorts.volumes import read_label_map
    from plausibrain.evaluation.cortical_geometry import cortical_geometry
    from plausibrain.evaluation.parcel_labels import with_parcels

    store = Store(job.store)
    key = Store.key("cortical geometry", hash_file(job.labels), VERSION)
    file = store.get(key, ".json")
    if file is not None:
        content: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        return [{name: np.nan if v is None else v for name, v in row.items()} for row in content]
    try:
        geometry = cortical_geometry(with_parcels(read_label_map(job.labels)))
    except MeasurementError:
        geometry = {}
    rows = [{"structure": name, **values} for name, values in geometry.items()]
    plain = [{k: None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()} for row in rows]
    store.put_text(key, ".json", json.dumps(plain, allow_nan=False))
    return rows
