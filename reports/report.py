"""The report page of a run: one self-contained HTML file organised by the ten questions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from plausibrain.cohorts.store import write_text_atomic
from plausibrain.reports.complexity import complexity_section
from plausibrain.reports.environment import render
from plausibrain.reports.equivalence import equivalence
from plausibrain.reports.figure import Drawn, Plots, figures_of
from plausibrain.reports.figure_files import FOLDER, FORMATS, Progress, write_figures
from plausibrain.reports.findings import answer, biases, faults, unjudged
from plausibrain.reports.formatting import MISSING, count, fixed, is_missing, listing, percent
from plausibrain.reports.methods import COHORTS, included, measured_headlines, methods
from plausibrain.reports.questions import QUESTIONS_IN_FULL
from plausibrain.reports.references import Bibliography
from plausibrain.reports.result_tables import ResultTable, tables_of
from plausibrain.reports.run_folder import Run, read_run
from plausibrain.reports.slices import SliceGroup, slices_of, volumes_of
from plausibrain.reports.summary import write_summary
from plausibrain.reports.sweeps import sweep_sections
from plausibrain.reports.texts import write_texts

#: The figure of the first screen.
FIRST_FIGURE = "brain_sizes"
#: Notes beyond this many are counted, not listed; all stand in the table of notes.
MAX_NOTES = 200


@dataclass(frozen=True)
class Section:
    """One question with everything the page shows of it."""

    question: Mapping[str, Any]
    asks: str
    caveats: list[tuple[str, str]]
    figures: list[Drawn]
    slices: list[SliceGroup]
    tables: list[ResultTable]


def write_report(
    run: Path,
    out: Path | None = None,
    *,
    progress: Progress | None = None,
    formats: Sequence[str] = FORMATS,
) -> Path:
    """Write the report of a run folder, and what can be taken from it.

    Beside ``report.html`` these are ``figures/`` (SVG, PNG, PDF), ``methods.md``, ``methods.tex``,
    ``references.bib`` and ``summary.pdf``; with `out`, only the page is written.

    Parameters
    ----------
    run : Path
        Folder with ``run.json``, ``scorecard.json`` and ``tables/``.
    out : Path, optional
        File to write; ``report.html`` in the run folder when left out.
    progress : callable, optional
        Called as `progress(what, done, of)`.
    formats : sequence of str
        In which formats figures are written.

    Returns
    -------
    Path
        The file that was written. The same run gives the same bytes.

    Raises
    ------
    DataError
        When the folder lacks a file, or a file comes from another version.
    """
    target = out or run / "report.html"
    content = read_run(run)
    plots: Plots | None = {} if out is None else None
    write_text_atomic(target, page(content, plots))
    if out is None:
        write_figures(content, run / FOLDER, progress, formats=formats, plots=plots)
        write_texts(content, run)
        write_summary(content, run / "summary.pdf")
    return target


def page(run: Run, plots: Plots | None = None) -> str:
    """Build the text of the page, and leave its panels in `plots` for `write_figures`."""
    bibliography = Bibliography()
    sections = [_section(run, question, plots) for question in run.questions]
    extras = [complexity_section(run, plots), *sweep_sections(run)]
    paragraphs = [(p.title, bibliography.pieces(p.text)) for p in methods(run)]
    return render(
        "report.html",
        card=run.scorecard,
        answer=answer(run.scorecard),
        biases=biases(run),
        faults=faults(run),
        unjudged=unjudged(run),
        brain=next((f for section in sections for f in section.figures if f.name == FIRST_FIGURE), None),
        sections=[_without_first(section) for section in sections],
        extras=[(extra, bibliography.pieces(extra.methods)) for extra in extras],
        n_judged=len(measured_headlines(run)),
        equivalence=equivalence(run),
        random_slices=slices_of(run, 0),
        volumes=volumes_of(run),
        facts=list(_facts(run)),
        methods=paragraphs,
        design=_design(run),
        balance=[_balance_row(row) for _, row in run.table("balance").iterrows()],
        balance_figures=figures_of(run, 0, plots),
        notes=_notes(run),
        settings=list(_flat(run.settings)),
        record=list(_flat(_without_settings(run.record, run.settings))),
        references=bibliography.cited,
    )


def _without_first(section: Section) -> Section:
    """Leave out the figure that the first screen shows."""
    return replace(section, figures=[f for f in section.figures if f.name != FIRST_FIGURE])


def _section(run: Run, question: Mapping[str, Any], plots: Plots | None) -> Section:
    section = dict(question) | {"headlines": [_headline(h) for h in question["headlines"]]}
    place = int(question["number"])
    caveats = _caveats(section["headlines"])
    return Section(
        section,
        QUESTIONS_IN_FULL.get(place, ""),
        caveats,
        figures_of(run, place, plots),
        slices_of(run, place),
        tables_of(run, place),
    )


def _caveats(headlines: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """List each caveat once, with the headlines it belongs to."""
    owners: dict[str, list[str]] = {}
    for headline in headlines:
        if headline["caveat"]:
            owners.setdefault(str(headline["caveat"]), []).append(str(headline["label"]))
    return [(caveat, listing(labels)) for caveat, labels in owners.items()]


def _headline(headline: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what a scorecard may leave out, so that the page can rely on it."""
    keys = (
        "estimate",
        "ci_low",
        "ci_high",
        "pass_low",
        "pass_high",
        "fail_low",
        "fail_high",
        "margin_low",
        "margin_high",
        "ideal",
        "mde",
        "n_reference",
        "n_generated",
    )
    texts = ("label", "unit", "verdict", "sentence", "caveat", "better_text", "reason")
    entry = (
        dict.fromkeys(keys) | dict.fromkeys(texts, "") | {k: v for k, v in headline.items() if v is not None}
    )
    entry["label"] = entry["label"] or entry["name"]
    entry["against_null"] = bool(headline.get("against_null"))
    for name in ("null", "matched"):
        entry[name] = {"median": None, "low": None, "high": None, "n": None, "splits": None} | (
            headline.get(name) or {}
        )
    return entry


# --- facts about the cohorts ---


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    """Name and describe each cohort in a line."""
    subjects = run.table("subjects")
    for role in COHORTS:
        facts = run.scorecard.get(role) or {}
        rows = included(subjects[subjects.cohort == role])
        parts = [
            str(facts.get("name") or ""),
            f"n = {count(len(rows))}" if len(rows) else "",
            _demography(rows),
        ]
        yield role.capitalize(), ", ".join(part for part in parts if part) or MISSING


def _demography(rows: pd.DataFrame) -> str:
    ages, sexes = rows.age.dropna(), rows.sex[rows.sex.isin(["F", "M"])]
    parts = [f"{fixed(ages.mean(), 0)} ± {fixed(ages.std(), 0)} years"] if len(ages) > 1 else []
    parts += [f"{percent((sexes == 'F').mean())} women"] if len(sexes) else []
    return ", ".join(parts)


@dataclass(frozen=True)
class BalanceRow:
    """One variable of the balance table as text."""

    label: str
    reference: str
    generated: str
    smd: str


def _balance_row(row: pd.Series) -> BalanceRow:
    def side(cohort: str) -> str:
        if row.level:
            return percent(row[cohort])
        spread = row[f"{cohort}_sd"]
        return f"{fixed(row[cohort], 1)}{'' if is_missing(spread) else f' ± {fixed(spread, 1)}'}"

    label = f"{row.variable} {row.level}".strip()
    return BalanceRow(label, side("reference"), side("generated"), fixed(row.smd, 2, signed=True))


def _design(run: Run) -> list[str]:
    design = run.scorecard.get("design") or {}
    return [str(statement) for statement in design.get("statements") or []]


@dataclass(frozen=True)
class Notes:
    """Notes on the cohorts, and how many more there are."""

    rows: list[dict[str, str]]
    hidden: int


def _notes(run: Run) -> Notes:
    table = run.table("notes")
    notes = table.head(MAX_NOTES)
    lines = notes.row.map(count)
    notes = notes.assign(row=lines.where(notes.row.notna(), ""))
    rows = [{str(key): value for key, value in row.items()} for row in notes.to_dict("records")]
    return Notes(rows, len(table) - len(notes))


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Entries of a nested record as ``outer / inner`` and text, in the order of the record."""
    for key, value in record.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{name} / ")
        else:
            yield name, _plain(value)


def _without_settings(record: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out copies of the settings and of the fingerprint, which have their own place."""
    return {
        key: _without_settings(value, settings) if isinstance(value, Mapping) else value
        for key, value in record.items()
        if key != "fingerprint" and (value != settings or not settings)
    }


def _plain(value: object) -> str:
    if value is None or value in ("", [], {}):
        return MISSING
    if isinstance(value, bool) or not isinstance(value, float):
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{value:g}"
