"""The tables of one question: every estimate by structure, other head-size conventions, and strata."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from plausibrain.reports import formatting
from plausibrain.reports.formatting import MISSING, is_missing
from plausibrain.reports.measure_labels import with_measure_labels
from plausibrain.reports.quantities import SHORT_HEADSIZES, headsize_label, quantity_label
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import COHORTS, primary_headsize
from plausibrain.reports.structure_names import sort_by_structure, structure_label

#: Cohort whose verdict, margin and null stand in the row, in order of preference.
MAIN_COHORTS = ("difference", "generated", "reference")
SEX_AND_AGE = ("sex and age", "Stratum")
#: How the name of a stratum begins that is a range of requests.
REQUESTS = "requests "
#: What the names of strata have in common -> by what they were made, and the heading of their column.
STRATA = (
    (f"^{REQUESTS}", "request", "Requests"),
    (r"^\d+ subjects$", "size of the training set", "Reference subjects"),
    ("^trained on ", "training set", "Training set"),
    ("(?:lobe|cortex|insula|parcels|grey matter|structures)$", "region", "Regions"),
)
VERDICTS = ("pass", "inconclusive", "fail")


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
    """Build the tables of one question: numbers of the whole brain first, then each quantity by structure.

    Parameters
    ----------
    run : Run
    question : int
    """
    results = run.table("results")
    results = _labelled(run, with_measure_labels(run, results[results.question == question]))
    whole, regional = results[results.structure == ""], results[results.structure != ""]
    tables = [*_whole_brain(whole)]
    for _, rows in regional.groupby("quantity", sort=False):
        tables += _of_quantity(run, rows)
    return tables


def _labelled(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(label=[quantity_label(run, str(name)) for name in rows.quantity])


def _of_quantity(run: Run, rows: pd.DataFrame) -> Iterator[ResultTable]:
    everyone, strata = rows[rows.stratum == "all"], rows[rows.stratum != "all"]
    if not everyone.empty:
        yield _estimates(everyone[everyone.headsize == primary_headsize(run, everyone)])
        if everyone.headsize.nunique() > 1:
            yield _conventions(everyone)
    if not strata.empty:
        yield _strata(strata[strata.headsize == primary_headsize(run, strata)])


def _whole_brain(rows: pd.DataFrame) -> Iterator[ResultTable]:
    """Numbers that belong to no structure: one row per quantity, then one table per quantity with strata."""
    everyone, strata = rows[rows.stratum == "all"], rows[rows.stratum != "all"]
    if not everyone.empty:
        keys = ["quantity", "headsize"]
        columns: list[Column] = [("Number", _quantity_cell)]
        several = everyone.headsize.nunique() > 1
        columns += [("Head size", _headsize_cell)] if several else []
        yield _by_cohort(everyone, keys, columns, "Numbers of the whole brain", "")
    for _, part in strata.groupby("quantity", sort=False):
        by, heading = _strata_of(part)
        columns = [(heading, lambda row: Cell(row.stratum, kind="name"))]
        part = _sort_by_stratum(part) if by == SEX_AND_AGE[0] else part
        title = f"{_title(part)}: by {by}"
        yield _by_cohort(part, ["stratum"], columns, title, _note(part))


def _strata_of(rows: pd.DataFrame) -> tuple[str, str]:
    """Return by what the strata of a quantity were made, and the heading of their column."""
    for pattern, by, heading in STRATA:
        if rows.stratum.str.contains(pattern, regex=True).all():
            return by, heading
    return SEX_AND_AGE


def _sort_by_stratum(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort by sex first, then by age decade, then by both."""
    return rows.sort_values("stratum", key=lambda names: names.map(_stratum_place), kind="stable")


def _stratum_place(name: str) -> tuple[bool, bool, str]:
    return any(letter.isdigit() for letter in name), " " in name, name


# --- cells ---


def _name_cell(row: pd.Series) -> Cell:
    return Cell(structure_label(row.structure), kind="name")


def _quantity_cell(row: pd.Series) -> Cell:
    return Cell(row.label, kind="name")


def _headsize_cell(row: pd.Series) -> Cell:
    return Cell(SHORT_HEADSIZES.get(row.headsize, row.headsize), kind="text")


def _reason_cell(row: pd.Series) -> Cell:
    return Cell(row.reason, kind="text")


def estimate_cell(row: pd.Series) -> Cell:
    """Write an estimate with its interval below; the reason where there is no number."""
    if is_missing(row.estimate):
        return Cell(MISSING, below=row.reason or row.status)
    text = formatting.estimate(row.estimate, row.ci_low, row.ci_high, row.unit)
    below = formatting.interval(row.ci_low, row.ci_high, row.unit)
    unit = formatting.shown_unit(row.unit) if row.structure == "" else ""
    value = formatting.scaled(row.estimate, row.unit)
    return Cell(f"{text} {unit}".rstrip(), value, "" if below == MISSING else below)


def _null_cell(row: pd.Series) -> Cell:
    text = formatting.interval(row.null_low, row.null_high, row.unit)
    return Cell(text, _sortable(row.null_median))


def _matched_cell(row: pd.Series) -> Cell:
    """Write the generated cohort at the n of split-half reference, beside which alone it may be read."""
    if is_missing(row.matched_median):
        return Cell(MISSING)
    text = formatting.estimate(row.matched_median, row.matched_low, row.matched_high, row.unit)
    below = formatting.interval(row.matched_low, row.matched_high, row.unit)
    return Cell(text, _sortable(row.matched_median), f"{below}; n = {formatting.count(row.n_null)}")


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
    columns: list[Column] = [("Structure", _name_cell)]
    return _by_cohort(sort_by_structure(rows), ["structure"], columns, _title(rows), _note(rows))


def _by_cohort(
    rows: pd.DataFrame, keys: list[str], first: list[Column], title: str, note: str
) -> ResultTable:
    """One row per key with one column per cohort; the rest of the row belongs to the main cohort."""
    rows = rows.assign(key=rows[keys].agg("\t".join, axis=1))
    sequence = rows.sort_values("cohort", key=lambda names: names.map(MAIN_COHORTS.index), kind="stable")
    main = sequence.drop_duplicates("key").set_index("key", drop=False).loc[rows.key.drop_duplicates()]
    counts = rows.groupby("key")[["n_reference", "n_generated"]].max()
    main = main.assign(n_reference=counts.n_reference, n_generated=counts.n_generated)
    cohorts = [cohort for cohort in COHORTS if (rows.cohort == cohort).any()]
    sides = [
        _side_column(_estimate_heading(rows, cohort), rows[rows.cohort == cohort], "key")
        for cohort in cohorts
    ]
    return ResultTable(title, note, *_fill(main, [*first, *sides, *_comparison_columns(main)]))


def _side_column(head: str, rows: pd.DataFrame, key: str) -> Column:
    """Make a column of estimates that are looked up by a key of the row."""
    cells = {str(row[key]): estimate_cell(row) for _, row in rows.drop_duplicates(key).iterrows()}
    return head, lambda row: cells.get(str(row[key]), Cell(MISSING))


def _comparison_columns(rows: pd.DataFrame) -> list[Column]:
    """Columns that carry at least one number or word."""
    candidates: list[tuple[str, Column]] = [
        ("null_low", ("Split-half reference", _null_cell)),
        ("matched_low", ("Generated at that n", _matched_cell)),
        ("margin_high", ("Margin", _margin_cell)),
        ("p", ("p", _p_cell("p"))),
        ("q", ("q (FDR)", _p_cell("q"))),
        ("p_equivalence", ("p (equivalence)", _p_cell("p_equivalence"))),
        ("n_generated", ("n ref. / gen.", _count_cell)),
        ("mde", ("Minimum detectable", _mde_cell)),
    ]
    columns = [column for name, column in candidates if rows[name].notna().any()]
    columns += [("Verdict", _verdict_cell)] if (rows.verdict != "").any() else []
    has_note = (rows.status == "ok") & (rows.reason != "")
    return [*columns, ("Note", _reason_cell)] if has_note.any() else columns


def _estimate_heading(rows: pd.DataFrame, cohort: str) -> str:
    unit = formatting.shown_unit(rows.unit.iloc[0]) if rows.unit.nunique() == 1 else ""
    name = "Estimate" if rows.cohort.nunique() == 1 else cohort.capitalize()
    return f"{name} ({unit})" if unit else name


def _title(rows: pd.DataFrame) -> str:
    return str(rows.label.iloc[0])


def _note(rows: pd.DataFrame) -> str:
    level = rows.ci_level.dropna()
    headsize = rows.headsize.iloc[0]
    parts = [headsize_label(headsize)] if headsize != "none" else []
    parts += [f"{100 * level.iloc[0]:g} % intervals"] if len(level) else []
    return "; ".join(part for part in parts if part)


def _conventions(rows: pd.DataFrame) -> ResultTable:
    """One row per structure, one column per head-size convention."""
    main = next(cohort for cohort in MAIN_COHORTS if (rows.cohort == cohort).any())
    estimates = sort_by_structure(rows[rows.cohort == main])
    sides = [
        _side_column(SHORT_HEADSIZES.get(str(headsize), str(headsize)), side, "structure")
        for headsize, side in estimates.groupby("headsize", sort=False)
    ]
    note = "; ".join(part for part in (main, formatting.shown_unit(rows.unit.iloc[0])) if part)
    base = estimates.drop_duplicates("structure")
    return ResultTable(
        f"{_title(rows)}: head-size conventions", note, *_fill(base, [("Structure", _name_cell), *sides])
    )


def _strata(rows: pd.DataFrame) -> ResultTable:
    """One row per stratum: n, the smallest detectable effect, and how many structures got which verdict."""
    main = next(cohort for cohort in MAIN_COHORTS if (rows.cohort == cohort).any())
    estimates = _sort_by_stratum(rows[rows.cohort == main])
    summaries = pd.DataFrame(
        [
            {"stratum": name} | _stratum_summary(part)
            for name, part in estimates.groupby("stratum", sort=False)
        ]
    )
    columns: list[Column] = [
        ("Stratum", lambda row: Cell(row.stratum, kind="name")),
        ("n ref. / gen.", _count_cell),
        ("Minimum detectable", _mde_cell),
        ("Median estimate", lambda row: _typical_cell(row.typical, row.unit)),
        ("Lowest", lambda row: Cell(row.lowest, kind="text")),
        ("Highest", lambda row: Cell(row.highest, kind="text")),
    ]
    if (estimates.verdict != "").any():
        columns += [(word.capitalize(), _tally_cell(word)) for word in VERDICTS]
    return ResultTable(f"{_title(rows)}: by sex and age", _note(rows), *_fill(summaries, columns))


def _stratum_summary(rows: pd.DataFrame) -> dict[str, Any]:
    estimates = rows.dropna(subset=["estimate"]).sort_values("estimate", kind="stable")
    return {
        "n_reference": rows.n_reference.max(),
        "n_generated": rows.n_generated.max(),
        "mde": rows.mde.median(),
        "unit": rows.unit.iloc[0],
        "typical": estimates.estimate.median(),
        "lowest": _named_estimate(estimates.head(1)),
        "highest": _named_estimate(estimates.tail(1)),
    } | {word: int((rows.verdict == word).sum()) for word in VERDICTS}


def _named_estimate(rows: pd.DataFrame) -> str:
    """Estimate and structure of one row; an en dash for none."""
    if rows.empty:
        return MISSING
    row = rows.iloc[0]
    value = formatting.estimate(row.estimate, row.ci_low, row.ci_high, row.unit)
    return f"{value} ({structure_label(row.structure)})"


def _typical_cell(value: float, unit: str) -> Cell:
    return Cell(formatting.number(value, unit, significant=2), _sortable(value))


def _tally_cell(word: str) -> Callable[[pd.Series], Cell]:
    return lambda row: Cell(formatting.count(row[word]), float(row[word]))


def _fill(rows: pd.DataFrame, columns: list[Column]) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...]]:
    cells = tuple(tuple(build(row) for _, build in columns) for _, row in rows.iterrows())
    return tuple(name for name, _ in columns), cells
