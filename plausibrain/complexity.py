"""The command `complexity`: whether errors of a run vary with how folded the cortex is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.analysis.complexity import complexity_table
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import COMPLEXITY, GEOMETRY, RESULTS
from plausibrain.cohorts.tables import read_table, write_table
from plausibrain.cohorts.volumes import read_label_map
from plausibrain.evaluation.cortical_geometry import cortical_geometry
from plausibrain.evaluation.parcel_labels import with_parcels
from plausibrain.image_files import image_and_label_files

Progress = Callable[[str, int, int], None]
MEASURES = ["fractal_dimension", "gyrification"]


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
    if not (run / "tables" / "results.tsv").is_file():
        raise DataError(f"{run}: no tables/results.tsv; this is no run folder")
    results = read_table(run / "tables" / "results.tsv", RESULTS)
    if labels.is_file():
        geometry = read_table(labels, GEOMETRY)
    else:
        geometry = mean_geometry(read_cohort(labels, min_subjects=1), most=most, seed=seed, progress=progress)
        write_table(geometry, out / "geometry.tsv", GEOMETRY)
    table = complexity_table(results, geometry, headsize=headsize, seed=seed)
    if table["rho"].isna().all():
        raise DataError(
            f"{run}: its tables have no cortical parcels in both hemispheres that {labels} has; segment both "
            "cohorts with a program that parcellates the cortex"
        )
    write_table(table, out / "complexity.tsv", COMPLEXITY)
    return "\n".join(
        [f"{out / 'complexity.tsv'}: permutation within lobes, both hemispheres alike", *_lines(table)]
    )


def _lines(table: pd.DataFrame) -> list[str]:
    rows: list[dict[str, Any]] = [
        {str(k): v for k, v in row.items()} for row in table.dropna(subset=["rho"]).to_dict("records")
    ]
    return [
        f"{row['measure'].replace('_', ' ')} and {row['label']}: rho {row['rho']:+.2f}, p {row['p']:.4f} "
        f"({row['n_parcels']} parcels)"
        for row in rows
    ]


def mean_geometry(
    cohort: Cohort, *, most: int, seed: int = 0, progress: Progress | None = None
) -> pd.DataFrame:
    """Return the mean geometry of every parcel over subjects; columns of `GEOMETRY`.

    Parameters
    ----------
    cohort : Cohort
        With label maps.
    most : int
        Subjects to measure, chosen by seed.
    seed : int
    progress : callable, optional

    Raises
    ------
    DataError
        When there are no label maps, or none has parcels.
    """
    files = image_and_label_files(cohort, cohort.source)
    paths = [path for path in files[1] if path is not None] if files is not None else []
    if not paths:
        raise DataError(f"{cohort.source}: no label maps; segment the images first")
    sample = np.sort(np.random.default_rng(seed).permutation(len(paths))[:most])
    rows = []
    for number, i in enumerate(sample):
        if progress is not None:
            progress("cortical geometry", number, len(sample))
        geometry = cortical_geometry(with_parcels(read_label_map(paths[i])))
        rows += [{"structure": name, **values} for name, values in geometry.items()]
    if not rows:
        raise DataError(f"{cohort.source}: no label map has cortical parcels (Desikan-Killiany)")
    groups = pd.DataFrame(rows).groupby("structure")
    return groups[MEASURES].mean().assign(n=groups.size()).reset_index()
