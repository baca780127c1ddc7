"""The command `curate`: generated subjects of a run by plausibility, and which of them a share keeps."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import CASES, CURATION, PLAUSIBILITY, SUBJECTS
from plausibrain.cohorts.tables import read_table, stored_table, write_table

GENERATED, QUALITY = "generated", 7


def curate(run: Path, out: Path, *, keep: float) -> str:
    """Write the generated subjects of a run, the most plausible first, and return one line about them.

    Parameters
    ----------
    run : Path
        Run folder.
    out : Path
        Table to write, as in `plausibrain.cohorts.schemas.CURATION`.
    keep : float
        Share of subjects to mark as kept, above 0 and up to 1.

    Raises
    ------
    DataError
        When the folder holds no run of this version, or the share is none.
    """
    if not 0 < keep <= 1:
        raise DataError(f"--keep is a share above 0 and up to 1, got {keep:g}")
    table = curated(run, keep=keep)
    write_table(table, out, CURATION)
    others = table[table["keep"] == 0]
    if others.empty:
        return f"{out}: {len(table)} generated subjects by plausibility, all kept"
    nearest = others["share_as_far"].max()
    return (
        f"{out}: {int(table['keep'].sum())} of {len(table)} generated subjects kept. Of reference subjects "
        f"{100 * nearest:.0f} % are at least as far away as the most plausible one that is dropped: a "
        "cohort without them varies less than the reference, so judge the curated cohort anew"
    )


def curated(run: Path, *, keep: float) -> pd.DataFrame:
    """Return the generated subjects of a run by plausibility; see `curate`."""
    tables = run / "tables"
    if not (run / "run.json").is_file():
        raise DataError(f"{run}: no run.json; give the folder of a finished run")
    if not stored_table(tables, "plausibility").is_file():
        raise DataError(f"{run}: no tables/plausibility.tsv; repeat `plausibrain run` with this version")
    table = _of_generated(read_table(stored_table(tables, "plausibility"), PLAUSIBILITY))
    subjects = _of_generated(read_table(stored_table(tables, "subjects"), SUBJECTS))
    cases = _of_generated(read_table(stored_table(tables, "cases"), CASES))
    quality = cases[cases["question"] == QUALITY].rename(
        columns={"score": "quality_score", "about": "quality_about"}
    )
    for other, columns in ((quality, ["quality_score", "quality_about"]), (subjects, ["age", "sex"])):
        table = table.merge(other[["participant_id", *columns]], on="participant_id", how="left")
    table = table.sort_values(["distance", "participant_id"], ignore_index=True)
    n_kept = math.floor(keep * len(table) + 0.5)
    table = table.assign(rank=np.arange(1, len(table) + 1), keep=(np.arange(len(table)) < n_kept).astype(int))
    return table[[column.name for column in CURATION.columns]]


def _of_generated(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["cohort"] == GENERATED].drop(columns="cohort")
