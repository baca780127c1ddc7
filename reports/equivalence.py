"""Every structure at the front of the page: its difference, its q value, and whether it is equivalent."""

from dataclasses import dataclass

import pandas as pd

from plausibrain.reports import formatting
from plausibrain.reports.formatting import MISSING, is_missing
from plausibrain.reports.result_tables import Cell, ResultTable, estimate_cell
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results
from plausibrain.reports.structure_names import sort_by_structure, structure_label

#: False discovery rate below which a structure counts as different.
RATE = 0.05
COLUMNS = ("Structure", "Difference (SD)", "q (FDR)", "Different?", "p (equivalence)", "Equivalent?")


@dataclass(frozen=True)
class Equivalence:
    """The table, and what it comes to in a sentence."""

    sentence: str
    table: ResultTable


def equivalence(run: Run) -> Equivalence | None:
    """Build the table of adjusted differences of volumes; None where none was estimated.

    Parameters
    ----------
    run : Run
    """
    rows = select_results(run, question=2, quantities=("adjusted_d",), cohort="difference")
    if rows.empty:
        return None
    rows = sort_by_structure(rows)
    cells = tuple(_cells(row) for _, row in rows.iterrows())
    table = ResultTable("Every structure: difference and equivalence", _note(rows), COLUMNS, cells)
    return Equivalence(_sentence(rows), table)


def _cells(row: pd.Series) -> tuple[Cell, ...]:
    return (
        Cell(structure_label(row.structure), kind="name"),
        estimate_cell(row),
        _p(row.q),
        _word(_different(row)),
        _p(row.p_equivalence),
        _word(_equivalent(row)),
    )


def _p(value: object) -> Cell:
    return Cell(formatting.p_value(value), None if is_missing(value) else float(value))  # type: ignore[arg-type]


def _different(row: pd.Series) -> bool | None:
    return None if is_missing(row.q) else bool(row.q < RATE)


def _equivalent(row: pd.Series) -> bool | None:
    """Whether the interval of two one-sided tests lies within the margin: the verdict of the row."""
    return None if is_missing(row.p_equivalence) else row.verdict == "pass"


def _word(answer: bool | None) -> Cell:  # noqa: FBT001 (nothing else is passed)
    return Cell(MISSING if answer is None else "yes" if answer else "no", kind="text")


def _note(rows: pd.DataFrame) -> str:
    level = rows.ci_level.dropna()
    prefix = f"{100 * level.iloc[0]:g} % intervals; " if len(level) else ""
    return (
        f"{prefix}q: Benjamini–Hochberg over structures; equivalent: two one-sided tests against the margin"
    )


def _sentence(rows: pd.DataFrame) -> str:
    """Count structures that differ, that are equivalent, and that are neither."""
    different = rows.apply(lambda row: bool(_different(row)), axis=1)
    equivalent = rows.apply(lambda row: bool(_equivalent(row)), axis=1)
    margins = rows.margin_high.dropna()
    within = f"{margins.min():g} SD" if len(margins) else "the margin"
    small = int((different & equivalent).sum())
    also = f" ({small} of them by less than the margin)" if small else ""
    return (
        f"Of {len(rows)} volumes, {int(different.sum())} differ from the reference at a false discovery "
        f"rate of {formatting.percent(RATE)}{also}; {int(equivalent.sum())} are equivalent to it within "
        f"{within} or their measurement noise; {int((~different & ~equivalent).sum())} are neither, "
        "for want of subjects."
    )
