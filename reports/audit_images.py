"""The page of an audit on images: the verdicts on each injected defect, beside FID."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.schemas import AUDIT_IMAGES
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.tables import read_table
from plausibrain.reports.audit import NO_DEFECT
from plausibrain.reports.document import Document, Part, Table, document_page

#: Numbers that are usually reported, shown beside the verdicts: names of headlines.
USUAL = ("image_distance", "pair_similarity")


def write_image_audit_page(folder: Path) -> Path:
    """Write `audit_images.html` and `.md` beside `audit_images.tsv` and `settings.json`.

    Parameters
    ----------
    folder : Path
        Folder of an audit on images.

    Returns
    -------
    Path
        The HTML page.

    Raises
    ------
    DataError
        When the table is missing or of another schema.
    """
    table = read_table(folder / "audit_images.tsv", AUDIT_IMAGES)
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    text = "\n".join([*_head(table, settings), *_verdicts(table), *_usual(table), *_named(table)]) + "\n"
    write_text_atomic(folder / "audit_images.md", text)
    return write_text_atomic(
        folder / "audit_images.html", document_page(image_audit_document(table, settings))
    )


def image_audit_document(table: pd.DataFrame, settings: dict[str, Any]) -> Document:
    """Return the audit on images as a page: how many defects are detected, the verdicts on each, FID."""
    n_caught, n_defects = _caught(table)
    return Document(
        kind="audit on images",
        answer=f"{n_caught} of {n_defects} defects are detected by a question that is expected to do so",
        summary="One cohort per defect, at its largest severity, through the full pipeline: an example of a "
        "report, not a rate.",
        facts=(
            ("Subjects per cohort", f"{int(table['subjects'].iloc[0]):,}"), ("Date", str(settings["date"])),
            ("Command", str(settings["command"])),
        ),
        parts=(_verdict_part(table), *_usual_part(table), _failure_part(table)),
        footer="audit_images.tsv beside this page holds every number, audit_images.md the same text.",
    )  # fmt: skip


def _verdict_part(table: pd.DataFrame) -> Part:
    questions = table[table["headline"] == ""]
    rows = []
    for defect, group in questions.groupby("defect", sort=False):
        for row in group.sort_values("question").itertuples():
            note = "expected" if row.declared else ""
            rows.append((_named_defect(str(defect), row), str(row.question), str(row.verdict), note))
    title = "Verdict of every question on every defect"
    columns = ("Defect", "Question", "Verdict", "To be detected here")
    return Part("verdicts", "Verdicts", tables=(Table(title, columns, tuple(rows)),))


def _usual_part(table: pd.DataFrame) -> Iterator[Part]:
    rows = table[table["headline"].isin(USUAL)]
    if len(rows):
        cells = tuple(
            (_named_defect(str(row.defect), row), str(row.headline_label), _value(row))
            for row in rows.itertuples()
        )
        columns = ("Defect", "Metric", "Value [range of the split-half reference]")
        title = "Commonly reported metrics"
        yield Part("usual", title, tables=(Table(f"{title} at the same n", columns, cells),))


def _failure_part(table: pd.DataFrame) -> Part:
    rows = table[(table["headline"] != "") & (table["verdict"] == "fail")]
    cells = tuple(
        (_named_defect(str(row.defect), row), str(row.question), str(row.headline_label))
        for row in rows.itertuples()
    )
    columns = ("Defect", "Question", "Headline")
    return Part("failures", "Failed headlines", tables=(Table("Headlines that fail", columns, cells),))


def _caught(table: pd.DataFrame) -> tuple[int, int]:
    """Count the defects that an expected question detects, and those that one is expected to detect."""
    questions = table[table["headline"] == ""]
    targets = questions[(questions["declared"] == 1) & (questions["verdict"] != "not measured")]
    caught = targets[targets["verdict"].isin(("fail", "refused"))]
    return caught["defect"].nunique(), targets["defect"].nunique()


def _head(table: pd.DataFrame, settings: dict[str, Any]) -> Iterator[str]:
    yield "# Audit on images: what does the full pipeline report for a known defect?\n"
    yield f"Printed by `{settings['command']}` on {settings['date']} ({settings['cores']} cores).\n"
    yield (
        f"{int(table['subjects'].iloc[0])} simulated subjects per cohort, images of 2 mm, segmented "
        "and measured like any other cohort. There is one cohort per defect, at its largest severity: an "
        "example of a report, not a rate; rates are given by the audit on ground-truth volumes. **Bold**: "
        "questions that are expected to detect the defect. — means *not measured*; *refused* means that too "
        "few subjects could be measured for a report.\n"
    )


def _verdicts(table: pd.DataFrame) -> Iterator[str]:
    questions = table[table["headline"] == ""]
    numbers = sorted(questions["question"].unique())
    yield "## Verdicts\n"
    yield "| defect | " + " | ".join(str(number) for number in numbers) + " |"
    yield "|---|" + "---|" * len(numbers)
    for defect, group in questions.groupby("defect", sort=False):
        cells = group.set_index("question")
        line = " | ".join(_cell(cells.loc[number]) for number in numbers)
        yield f"| {_named_defect(str(defect), group.iloc[0])} | {line} |"
    n_caught, n_defects = _caught(table)
    yield f"\n**{n_caught} of {n_defects} defects are detected by a question that is expected to do so.**\n"


def _cell(row: Any) -> str:
    verdict = "—" if row["verdict"] == "not measured" else str(row["verdict"])
    return f"**{verdict}**" if row["declared"] else verdict


def _usual(table: pd.DataFrame) -> Iterator[str]:
    """Show the metrics that are usually reported, beside the split-half reference."""
    rows = table[table["headline"].isin(USUAL)]
    if rows.empty:
        return
    names = dict(zip(rows["headline"], rows["headline_label"], strict=True))
    yield "## Commonly reported metrics\n"
    yield "Value, with the range of the split-half reference at the same n in brackets.\n"
    yield "| defect | " + " | ".join(names.values()) + " |"
    yield "|---|" + "---|" * len(names)
    for defect, group in rows.groupby("defect", sort=False):
        cells = group.set_index("headline")
        values = " | ".join(_value(cells.loc[name]) if name in cells.index else "—" for name in names)
        yield f"| {_named_defect(str(defect), group.iloc[0])} | {values} |"
    yield ""


def _value(row: Any) -> str:
    if not np.isfinite(row.estimate):
        return "—"
    inside = row.null_low <= row.estimate <= row.null_high
    text = f"{row.estimate:.3g} [{row.null_low:.3g} to {row.null_high:.3g}]"
    return text if inside or not np.isfinite(row.null_low) else f"{text}, outside"


def _named(table: pd.DataFrame) -> Iterator[str]:
    yield "## Failed headlines\n"
    yield "| defect | headlines |\n|---|---|"
    rows = table[(table["headline"] != "") & (table["verdict"] == "fail")]
    for defect, group in table.groupby("defect", sort=False):
        failures = rows[rows["defect"] == defect]
        names = "; ".join(f"{row.headline_label} ({row.question})" for row in failures.itertuples())
        yield f"| {_named_defect(str(defect), group.iloc[0])} | {names or 'none'} |"


def _named_defect(defect: str, row: Any) -> str:
    if defect == NO_DEFECT:
        return str(row.label)
    return f"{row.label} ({row.severity:g} {row.unit})"
