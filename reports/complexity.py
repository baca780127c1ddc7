"""The section on complexity of the cortex: whether errors grow where it is more folded."""

import pandas as pd

from plausibrain.cohorts.lobes import lobe_of
from plausibrain.reports.extra_section import ExtraSection, worst_verdict
from plausibrain.reports.figure import Plots, figures_of
from plausibrain.reports.formatting import MISSING, count, fixed, interval, is_missing, p_value
from plausibrain.reports.questions import COMPLEXITY
from plausibrain.reports.result_tables import Cell, ResultTable
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results
from plausibrain.reports.structure_names import sort_by_structure, structure_label

MEASURE_LABELS = {"fractal_dimension": "Fractal dimension", "gyrification": "Local gyrification"}
#: Quantity -> question it belongs to, and what its column is called.
ERRORS = {
    "adjusted_d": (2, "|d|"),
    "group_by_age": (4, "Error of age effect (SD per decade)"),
    "group_by_sex": (5, "Error of sex effect (SD)"),
}
TITLE = "Cortical complexity"
ASKS = (
    "Are errors larger where the cortex is more folded? The plausibility of a published generator varied "
    "over cortical regions with their geometric complexity."
)
HOW = (
    "Spearman’s correlation over Desikan-Killiany parcels [@Desikan2006] of the size of an error with "
    "fractal dimension (box counting [@Madan2016]) and with local gyrification (surface over envelope "
    "[@Schaer2008]). The p value is by permutation of regions within their lobe, in both hemispheres alike, "
    "so that what lobes or homologous regions have in common is no evidence; neighbours within a lobe still "
    "count as exchangeable. Intervals count the two hemispheres as one observation [@Bonett2000]. A row "
    "fails when the correlation lies beyond the margin and the test, corrected for the rows together, "
    "rejects."
)
SOURCES = {
    "reference": "Complexity was measured in {n} label maps of the reference.",
    "typical": "Complexity is the mean of {n} label maps that come with the package, because the reference "
    "has no label maps whose cortex can be divided.",
}
ABSENT = "the volumes of this run have no cortical parcels in both hemispheres"


def complexity_section(run: Run, plots: Plots | None = None) -> ExtraSection:
    """Return the section; *not measured* with the reason where the run has no parcels."""
    table = run.table("complexity")
    verdict = worst_verdict(table.verdict) if len(table) else "not measured"
    if verdict == "not measured":
        reason = next((text for text in table.reason if text), ABSENT) if len(table) else ABSENT
        return ExtraSection("complexity", TITLE, ASKS, verdict, f"Not measured: {reason}.")
    return ExtraSection(
        "complexity", TITLE, ASKS, verdict, _lede(table), methods=f"{_source(run)} {HOW}".strip(),
        figures=tuple(figures_of(run, COMPLEXITY, plots)),
        tables=(_associations(table), *_parcels(run)),
    )  # fmt: skip


def _lede(table: pd.DataFrame) -> str:
    measured = table[table.rho.notna()]
    strongest = measured.iloc[int(measured.rho.abs().argmax())]
    n_fail = int((measured.verdict == "fail").sum())
    head = {
        0: "No error goes with complexity beyond the margin after correction",
        1: "One error goes with complexity",
    }.get(n_fail, f"{n_fail} associations of errors with complexity fail")
    return (
        f"{head}. The strongest association is that of the {strongest.label} with "
        f"{MEASURE_LABELS[strongest.measure].lower()}: ρ = {fixed(strongest.rho, 2, signed=True)} "
        f"({interval(strongest.ci_low, strongest.ci_high, signed=True)}), p {_p(strongest.p)}, "
        f"over {count(strongest.n_parcels)} parcels."
    )


def _p(value: object) -> str:
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"


def _source(run: Run) -> str:
    geometry = run.table("geometry")
    if geometry.empty:
        return ""
    template = SOURCES.get(str(geometry.source.iloc[0]), "")
    return template.format(n=count(geometry.n.max()))


def _associations(table: pd.DataFrame) -> ResultTable:
    columns = ("Error", "Complexity", "ρ", "95 % CI", "Margin", "p", "Parcels", "Verdict", "Note")
    rows = tuple(
        (
            Cell(str(row.label).capitalize(), kind="name"),
            Cell(MEASURE_LABELS[row.measure], kind="text"),
            _number(row.rho, signed=True),
            Cell(interval(row.ci_low, row.ci_high, signed=True)),
            Cell(f"±{fixed(row.margin, 2)}"),
            Cell(p_value(row.p), None if is_missing(row.p) else float(row.p)),
            Cell(count(row.n_parcels), float(row.n_parcels)),
            Cell(str(row.verdict), kind="verdict"),
            Cell(str(row.reason), kind="text"),
        )
        for _, row in table.iterrows()
    )
    return ResultTable(
        "Association of errors with complexity", "rank correlation over parcels", columns, rows
    )


def errors_of_parcels(run: Run) -> pd.DataFrame:
    """Return complexity and size of every error, one row per parcel."""
    table = run.table("geometry")
    if table.empty:
        return table
    for quantity, (question, _) in ERRORS.items():
        rows = select_results(run, question=question, quantities=(quantity,), cohort="difference")
        table = table.assign(**{quantity: table.structure.map(rows.set_index("structure").estimate.abs())})
    table = table[table[list(ERRORS)].notna().any(axis=1)]
    return sort_by_structure(table) if len(table) else table


def _parcels(run: Run) -> list[ResultTable]:
    table = errors_of_parcels(run)
    if table.empty:
        return []
    columns = ("Parcel", "Lobe", *MEASURE_LABELS.values(), *(label for _, label in ERRORS.values()))
    rows = tuple(
        (
            Cell(structure_label(row.structure), kind="name"),
            Cell(lobe_of(row.structure).capitalize(), kind="text"),
            *(_number(row[name]) for name in (*MEASURE_LABELS, *ERRORS)),
        )
        for _, row in table.iterrows()
    )
    return [ResultTable("Complexity and errors of every parcel", "sizes without sign", columns, rows)]


def _number(value: object, *, signed: bool = False) -> Cell:
    return Cell(MISSING) if is_missing(value) else Cell(fixed(value, 2, signed=signed), float(value))  # type: ignore[arg-type]
