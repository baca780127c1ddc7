"""Which rows of ``results.tsv`` a figure or a table shows."""

from collections.abc import Sequence

import pandas as pd

from plausibrain.reports.run_folder import Run

COHORTS = ("reference", "generated", "difference")


def usable(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that carry a number."""
    return table[(table.status == "ok") & table.estimate.notna()]


def select_results(
    run: Run,
    *,
    question: int,
    quantities: Sequence[str],
    cohort: str = "",
    stratum: str = "all",
    headsize: str = "primary",
) -> pd.DataFrame:
    """Rows with one of the quantities: the first that the run has.

    Parameters
    ----------
    run : Run
    question : int
    quantities : sequence of str
        In order of preference.
    cohort : str
        ``reference``, ``generated``, ``difference``; empty for all.
    stratum : str
    headsize : str
        ``primary`` takes the run's own convention where the quantity has it, else the first it has.
    """
    table = usable(run.table("results"))
    table = table[(table.question == question) & (table.stratum == stratum) & (table.structure != "")]
    for quantity in quantities:
        rows = table[table.quantity == quantity]
        if cohort:
            rows = rows[rows.cohort == cohort]
        if not rows.empty:
            return _with_headsize(run, rows, headsize)
    return table.head(0)


def primary_headsize(run: Run, table: pd.DataFrame) -> str:
    """Head-size convention of the run where the rows have it, else the first one they have."""
    present = list(dict.fromkeys(table.headsize))
    convention = str(run.settings.get("headsize", "covariate"))
    return convention if convention in present or not present else present[0]


def _with_headsize(run: Run, table: pd.DataFrame, headsize: str) -> pd.DataFrame:
    """Rows of one convention; head size itself cannot be adjusted for head size and stays as it is."""
    convention = primary_headsize(run, table) if headsize == "primary" else headsize
    rows = table[table.headsize == convention]
    others = table[~table.structure.isin(rows.structure)].drop_duplicates(["structure", "cohort"])
    return pd.concat([rows, others[others.structure == "TIV"]], ignore_index=True)
