"""The tables of one question: every estimate by structure, other head-size conventions, and strata."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports import formatting
from reports.formatting import MISSING, is_missing
from reports.quantities import SHORT_HEADSIZES, headsize_label, quantity_label
from reports.run_folder import Run
from reports.selection import primary_headsize
from reports.structure_names import sort_by_structure, structure_label

#: Cohort whose verdict, margin and null stand in the row, in order of preference.
MAIN_COHORTS = ("difference", "generated", "reference")
VERDICTS = ("yes", "cannot tell", "no")


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, the number it is sorted by, and a second line."""

    text: str
    value: float | None = None
    below: str = ""
    kind: str = "num"


@dataclass(frozen=True)
class ResultTable:
    """A table ready for the page; the first cell of each row is its header."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


Column = tuple[str, Callable[[pd.Series], Cell]]


def tables_of(run: Run, question: int) -> list[ResultTable]:
    """Build the tables of one question: per quantity the estimates, then other conventions, then strata.

    Parameters
    ----------
    run : Run
    question : int
    """
    results = run.table("results")
    results = results[results.question == question]
    return [table for _, rows in results.groupby("quantity", sort=False) for table in _of_quantity(run, rows)]


def _of_quantity(run: Run, rows: pd.DataFrame) -> Iterator[ResultTable]:
    everyone = rows[rows.stratum == "all"]
    if not everyone.empty:
        headsize = primary_headsize(run, everyone)
        yield _estimates(everyone[everyone.headsize == headsize])
        if everyone.headsize.nunique() > 1:
            yield _conventions(everyone)
    strata = rows[rows.stratum != "all"]
    if not strata.empty:
        yield _strata(strata[strata.headsize == primary_headsize(run, strata)])


# --- cells ---


def _name_cell(row: pd.Series) -> Cell:
    return Cell(structure_label(row.structure) if row.structure else "Whole brain", kind="name")


def estimate_cell(row: pd.Series) -> Cell:
    """Estimate with its interval below; the reason where there is no number."""
    if is_missing(row.estimate):
        return Cell(MISSING, below=row.reason or row.status)
    text = formatting.estimate(row.estimate, row.ci_low, row.ci_high, row.unit)
    below = formatting.interval(row.ci_low, row.ci_high, row.unit)
    return Cell(text, formatting.scaled(row.estimate, row.unit), "" if below == MISSING else below)


def _null_cell(row: pd.Series) -> Cell:
    text = formatting.interval(row.null_low, row.null_high, row.unit)
    return Cell(text, _sortable(row.null_median))


def _margin_cell(row: pd.Series) -> Cell:
    return Cell(formatting.interval(row.margin_low, row.margin_high, row.unit), _sortable(row.margin_high))


def _p_cell(column: str) -> Callable[[pd.Series], Cell]:
    return lambda row: Cell(formatting.p_value(row[column]), _sortable(row[column]))


def _count_cell(row: pd.Series) -> Cell:
    counts = formatting.count(row.n_reference), formatting.count(row.n_generated)
    return Cell(" / ".join(counts), _sortable(row.n_generated))


def _mde_cell(row: pd.Series) -> Cell:
    return Cell(formatting.number(row.mde, row.unit, significant=2), _sortable(row.mde))


def _verdict_cell(row: pd.Series) -> Cell:
    return Cell(row.verdict, kind="verdict")


def _sortable(value: object) -> float | None:
    return None if is_missing(value) else float(value)  # type: ignore[arg-type]


# --- tables ---


def _estimates(rows: pd.DataFrame) -> ResultTable:
    """One row per structure: each cohort's estimate, and what belongs to the comparison."""
    cohorts = [cohort for cohort in ("reference", "generated", "difference") if (rows.cohort == cohort).any()]
    main = next(cohort for cohort in MAIN_COHORTS if cohort in cohorts)
    base = sort_by_structure(rows[rows.cohort == main].drop_duplicates("structure"))
    sides = {
        cohort: rows[rows.cohort == cohort].drop_duplicates("structure").set_index("structure", drop=False)
        for cohort in cohorts
    }
    heads = [_estimate_heading(rows, cohort) for cohort in cohorts]
    columns = [("Structure", _name_cell), *_side_columns(heads, sides), *_comparison_columns(base)]
    return ResultTable(_title(rows), _note(rows), *_fill(base, columns))


def _side_columns(heads: list[str], sides: dict[str, pd.DataFrame]) -> list[Column]:
    def cell(side: pd.DataFrame) -> Callable[[pd.Series], Cell]:
        return lambda row: (
            estimate_cell(side.loc[row.structure]) if row.structure in side.index else Cell(MISSING)
        )

    return [(head, cell(side)) for head, side in zip(heads, sides.values(), strict=True)]


def _comparison_columns(rows: pd.DataFrame) -> list[Column]:
    """Columns that carry at least one number or word."""
    candidates: list[tuple[str, Column]] = [
        ("null_low", ("Real against real", _null_cell)),
        ("margin_high", ("Margin", _margin_cell)),
        ("p", ("p", _p_cell("p"))),
        ("q", ("q (FDR)", _p_cell("q"))),
        ("p_equivalence", ("p (equivalence)", _p_cell("p_equivalence"))),
        ("n_generated", ("n ref. / gen.", _count_cell)),
        ("mde", ("Smallest detectable", _mde_cell)),
    ]
    kept = [column for name, column in candidates if rows[name].notna().any()]
    return [*kept, ("Close enough?", _verdict_cell)] if (rows.verdict != "").any() else kept


def _estimate_heading(rows: pd.DataFrame, cohort: str) -> str:
    unit = formatting.shown_unit(rows.unit.iloc[0])
    name = "Estimate" if rows.cohort.nunique() == 1 else cohort.capitalize()
    return f"{name} ({unit})" if unit else name


def _title(rows: pd.DataFrame) -> str:
    return quantity_label(rows.quantity.iloc[0])


def _note(rows: pd.DataFrame) -> str:
    level = rows.ci_level.dropna()
    parts = [headsize_label(rows.headsize.iloc[0])]
    parts += [f"{100 * level.iloc[0]:g} % intervals"] if len(level) else []
    return "; ".join(part for part in parts if part)


def _conventions(rows: pd.DataFrame) -> ResultTable:
    """One row per structure, one column per head-size convention."""
    main = next(cohort for cohort in MAIN_COHORTS if (rows.cohort == cohort).any())
    chosen = rows[rows.cohort == main]
    sides = {
        headsize: side.drop_duplicates("structure").set_index("structure", drop=False)
        for headsize, side in chosen.groupby("headsize", sort=False)
    }
    heads = [SHORT_HEADSIZES.get(str(headsize), str(headsize)) for headsize in sides]
    base = sort_by_structure(chosen.drop_duplicates("structure"))
    columns = [("Structure", _name_cell), *_side_columns(heads, {str(k): v for k, v in sides.items()})]
    unit = formatting.shown_unit(rows.unit.iloc[0])
    note = "; ".join(part for part in (main, unit) if part)
    return ResultTable(f"{_title(rows)}: head-size conventions", note, *_fill(base, columns))


def _strata(rows: pd.DataFrame) -> ResultTable:
    """One row per stratum: n, the smallest detectable effect, and how many structures got which verdict."""
    main = next(cohort for cohort in MAIN_COHORTS if (rows.cohort == cohort).any())
    chosen = rows[rows.cohort == main]
    summaries = pd.DataFrame(
        [{"stratum": name} | _stratum_summary(part) for name, part in chosen.groupby("stratum", sort=False)]
    )
    columns: list[Column] = [
        ("Stratum", lambda row: Cell(row.stratum, kind="name")),
        ("n ref. / gen.", _count_cell),
        ("Smallest detectable", _mde_cell),
        ("Median estimate", lambda row: _typical_cell(row.typical, row.unit)),
        ("Lowest", lambda row: Cell(row.lowest, kind="text")),
        ("Highest", lambda row: Cell(row.highest, kind="text")),
    ]
    if (chosen.verdict != "").any():
        columns += [(word.capitalize(), _tally_cell(word)) for word in VERDICTS]
    return ResultTable(f"{_title(rows)}: by sex and age", _note(rows), *_fill(summaries, columns))


def _stratum_summary(rows: pd.DataFrame) -> dict[str, Any]:
    known = rows.dropna(subset=["estimate"]).sort_values("estimate", kind="stable")
    return {
        "n_reference": rows.n_reference.max(),
        "n_generated": rows.n_generated.max(),
        "mde": rows.mde.median(),
        "unit": rows.unit.iloc[0],
        "typical": known.estimate.median(),
        "lowest": _named_estimate(known.head(1)),
        "highest": _named_estimate(known.tail(1)),
    } | {word: int((rows.verdict == word).sum()) for word in VERDICTS}


def _named_estimate(rows: pd.DataFrame) -> str:
    """Estimate and structure of one row; an en dash for none."""
    if rows.empty:
        return MISSING
    row = rows.iloc[0]
    value = formatting.estimate(row.estimate, row.ci_low, row.ci_high, row.unit)
    return f"{value} ({structure_label(row.structure)})" if row.structure else value


def _typical_cell(value: float, unit: str) -> Cell:
    return Cell(formatting.number(value, unit, significant=2), _sortable(value))


def _tally_cell(word: str) -> Callable[[pd.Series], Cell]:
    return lambda row: Cell(formatting.count(row[word]), float(row[word]))


def _fill(rows: pd.DataFrame, columns: list[Column]) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...]]:
    cells = tuple(tuple(build(row) for _, build in columns) for _, row in rows.iterrows())
    return tuple(name for name, _ in columns), cells
