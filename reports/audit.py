"""The page of an audit: what this benchmark sees, and what it reports without cause."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.schemas import AUDIT
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.tables import read_table
from plausibrain.reports.document import Document, Part, Table, document_page
from plausibrain.reports.formatting import percent
from plausibrain.reports.line_charts import Line, line_charts

WANTED_POWER = 0.8
NO_DEFECT = "none"
SECTION = "section"


def write_audit_page(folder: Path) -> Path:
    """Write `audit.html`, and `audit.md` for a repository, beside `audit.tsv` and `audit.json`.

    Parameters
    ----------
    folder : Path
        Folder of an audit.

    Returns
    -------
    Path
        The HTML page.

    Raises
    ------
    DataError
        When the table is missing or of another schema.
    """
    table = read_table(folder / "audit.tsv", AUDIT)
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    write_text_atomic(folder / "audit.md", audit_markdown(table, settings))
    return write_text_atomic(folder / "audit.html", document_page(audit_document(table, settings)))


def smallest_seen(table: pd.DataFrame) -> pd.DataFrame:
    """Return for every defect the smallest severity that a declared question sees with 80 % power.

    Returns
    -------
    DataFrame
        Columns `defect`, `label`, `unit`, `severity` (NaN when none), `question`, `share_fail`, `ci_low`,
        `ci_high`; the last four of the strongest step where no step is seen.
    """
    targets = _targets(table)
    rows = []
    for defect, group in targets.groupby("defect", sort=False):
        detections = group[group["share_fail"] >= WANTED_POWER].sort_values("severity")
        best = detections.iloc[0] if len(detections) else group.sort_values("share_fail").iloc[-1]
        rows.append(
            {
                "defect": defect,
                **{
                    name: best[name]
                    for name in ("label", "unit", "question", "share_fail", "ci_low", "ci_high")
                },
                "severity": best["severity"] if len(detections) else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def _targets(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of questions, and of sections beside the scorecard, that must see a defect."""
    return table[(table["declared"] == 1) & ((table["headline"] == "") | (table["question"] == 0))]


def headline_powers(table: pd.DataFrame) -> pd.DataFrame:
    """Return for every headline the defects that it detects with 80 % power.

    Returns
    -------
    DataFrame
        Columns `question`, `headline`, and `detected`: label and smallest severity of every defect in whose
        trials the headline fails at least four times in five, by label; empty where there is none.
    """
    rows = table[table["headline"] != ""]
    strong = rows[(rows["defect"] != NO_DEFECT) & (rows["share_fail"] >= WANTED_POWER)]
    result = []
    for (question, name), _ in rows.groupby(["question", "headline"]):
        smallest = strong[strong["headline"] == name].groupby("label")["severity"].min()
        detections = ", ".join(f"{label} from {severity:g}" for label, severity in smallest.items())
        result.append({"question": question, "headline": name, "detected": detections})
    return pd.DataFrame(result, columns=["question", "headline", "detected"])


def audit_markdown(table: pd.DataFrame, settings: dict[str, Any]) -> str:
    """Return the audit as Markdown."""
    return (
        "\n".join(
            [
                *_head(table, settings),
                *_false_alarms(table),
                *_smallest(table),
                *_by_headline(table),
                *_ladder(table),
            ]
        )
        + "\n"
    )


def audit_document(table: pd.DataFrame, settings: dict[str, Any]) -> Document:
    """Return the audit as a page: false alarms first, then power by defect."""
    none, parts = table[table["defect"] == NO_DEFECT], []
    answer = "No cohort without a defect was tried"
    if len(none):
        overall = none[none["question"] == 0].iloc[0]
        answer = f"{overall.n_fail} of {overall.trials} cohorts without a defect fail: {_share(overall)}"
        parts.append(_false_alarm_part(none))
    parts += [_power_part(table)]
    n = int(table["subjects"].iloc[0])
    return Document(
        kind="audit", answer=answer, summary=_detected(table),
        facts=(
            ("Subjects per cohort", f"{n:,}"),
            ("Resamples", f"{settings['n_resamples']:,}"), ("Splits", f"{settings['n_splits']:,}"),
            ("Date", str(settings["date"])), ("Command", str(settings["command"])),
        ),
        parts=tuple(parts), footer="audit.tsv beside this page holds every number, audit.md the same text.",
    )  # fmt: skip


def _detected(table: pd.DataFrame) -> str:
    """Say how many defects are detected at some severity, and which are not."""
    smallest = smallest_seen(table)
    if smallest.empty:
        return "No defect was injected."
    failures = smallest[~np.isfinite(smallest["severity"].astype(float))]
    n_detected = len(smallest) - len(failures)
    text = f"{n_detected} of {len(smallest)} defects are detected with at least 80 % power at some severity."
    return text if failures.empty else f"{text} Not detected: {', '.join(failures['label'])}."


def _false_alarm_part(none: pd.DataFrame) -> Part:
    rows = tuple(
        (
            _plain(row.headline), _place(row), str(row.n_fail), str(row.n_pass),
            str(row.n_inconclusive), _share(row),
        )
        for row in none[none["headline"] != ""].itertuples()
    )  # fmt: skip
    columns = ("Headline", "Question", "Fail", "Pass", "Inconclusive", "False alarms (95 % interval)")
    table = Table("False alarms by headline", columns, rows)
    text = "No defect was injected, so every failure is a false alarm."
    return Part("false-alarms", "False alarms", text=(text,), tables=(table,))


def _power_part(table: pd.DataFrame) -> Part:
    steps = _targets(table).sort_values("severity")
    lines, labels = [], []
    for _, group in steps.groupby(["defect", "question"], sort=False):
        first = group.iloc[0]
        columns = ("severity", "share_fail", "ci_low", "ci_high")
        x, y, low, high = (group[name].to_list() for name in columns)
        lines.append(Line(f"{first.label}, {_asked(first)}", x, y, low, high, level=WANTED_POWER))
        labels.append(f"Severity ({first.unit})" if first.unit else "Severity")
    charts = line_charts(
        "power", "Power by severity", lines, x_label=labels, y_label="Share of trials that fail",
        caption="Share of trials in which the question failed, with exact 95 % intervals. The dashed line is "
        "80 %.", y_limits=(0.0, 1.04),
    )  # fmt: skip
    smallest = Table(
        "Smallest defect detected with 80 % power",
        ("Defect", "Severity", "Unit", "Question", "Power (95 % interval)"),
        tuple(
            (str(row.label), _severity(row), str(row.unit), _place(row), _share(row))
            for row in smallest_seen(table).itertuples()
        ),
    )
    every = Table(
        "Every severity",
        ("Defect", "Severity", "Question", "Power (95 % interval)", "Headlines that failed"),
        tuple(
            (str(row.label), f"{severity:g} {row.unit}", _place(row), _share(row), _plain(failures))
            for severity, row, failures in _steps(table)
        ),
    )
    by_headline = Table(
        "What each headline detects",
        ("Headline", "Question", "Detected with at least 80 % power"),
        tuple(
            (_plain(row.headline), _place(row), str(row.detected) or "none of those injected")
            for row in headline_powers(table).itertuples()
        ),
    )
    return Part("power", "Power", figures=(charts,) if lines else (), tables=(smallest, by_headline, every))


def _place(row: Any) -> str:
    """Write the number of a question; sections beside the scorecard have none."""
    return str(row.question) if row.question else SECTION


def _asked(row: Any) -> str:
    return f"question {row.question}" if row.question else str(row.headline)


def _severity(row: Any) -> str:
    return f"{float(row.severity):g}" if np.isfinite(float(row.severity)) else "none of those tested"


def _steps(table: pd.DataFrame) -> Iterator[tuple[float, Any, str]]:
    """Yield severity, row and the headlines that failed of every declared question of a defect."""
    for (defect, severity), group in table.groupby(["defect", "severity"], sort=False):
        if defect == NO_DEFECT:
            continue
        headlines = group[(group["headline"] != "") & (group["n_fail"] > 0)]
        ranking = headlines.sort_values("share_fail", ascending=False)
        failures = ", ".join(f"{row.headline} {row.share_fail:.0%}" for row in ranking.itertuples())
        for row in _targets(group).itertuples():
            yield float(str(severity)), row, failures


def _share(row: Any) -> str:
    return f"{percent(row.share_fail)} ({percent(row.ci_low)} to {percent(row.ci_high)})"


def _plain(names: object) -> str:
    """Write names of headlines, and shares behind them, as text."""
    return str(names).replace("_", " ").replace("%", " %")


def _head(table: pd.DataFrame, settings: dict[str, Any]) -> Iterator[str]:
    yield "# Audit: which defects does this benchmark detect?\n"
    yield f"Printed by `{settings['command']}` on {settings['date']} ({settings['cores']} cores).\n"
    yield (
        f"{int(table['subjects'].iloc[0])} subjects per cohort, volumes sampled from published norms, "
        f"{settings['n_resamples']} resamples, {settings['n_splits']} splits. Power is the share of trials "
        "in which a question failed, with its exact 95 % interval. Trials of the same number have the same "
        "subjects at every severity, so that shares differ less by chance between severities than their "
        "intervals suggest, and are not independent of each other.\n"
    )
    if (table["question"].eq(0) & table["headline"].ne("")).any():
        yield (
            f"Rows with *{SECTION}* instead of a question are sections of the report beside the scorecard: "
            "*complexity* asks whether errors are larger where the cortex is more folded, and is judged on "
            "the same subjects with cortical parcels.\n"
        )


def _false_alarms(table: pd.DataFrame) -> Iterator[str]:
    none = table[table["defect"] == NO_DEFECT]
    overall = none[none["question"] == 0].iloc[0]
    yield "## False alarms: no defect injected\n"
    yield (
        f"**{overall.n_fail} of {overall.trials} cohorts without a defect failed on some headline: "
        f"{_percent(overall)}.**\n"
    )
    yield "| question | headline | fail | pass | inconclusive | false alarms |\n|---|---|---|---|---|---|"
    for row in none[none["headline"] != ""].itertuples():
        counts = f"{row.n_fail} | {row.n_pass} | {row.n_inconclusive}"
        yield f"| {_place(row)} | {row.headline} | {counts} | {_percent(row)} |"
    yield ""


def _smallest(table: pd.DataFrame) -> Iterator[str]:
    yield "## Smallest defect detected with 80 % power\n"
    yield (
        "The smallest severity at which the observed share of trials reaches 80 %; its interval says how "
        "sure that is.\n"
    )
    yield "| defect | severity | unit | question | power |\n|---|---|---|---|---|"
    for row in smallest_seen(table).itertuples():
        yield f"| {row.label} | {_severity(row)} | {row.unit} | {_place(row)} | {_percent(row)} |"
    yield ""


def _by_headline(table: pd.DataFrame) -> Iterator[str]:
    yield "## What each headline detects\n"
    yield "Defects that fail the headline in at least 80 % of trials, and the smallest such severity.\n"
    yield "| question | headline | detected with at least 80 % power |\n|---|---|---|"
    for row in headline_powers(table).itertuples():
        yield f"| {_place(row)} | {row.headline} | {str(row.detected) or 'none of those injected'} |"
    yield ""


def _ladder(table: pd.DataFrame) -> Iterator[str]:
    yield "## Every severity\n"
    yield "| defect | severity | question | power | headlines that failed |\n|---|---|---|---|---|"
    for severity, row, failures in _steps(table):
        yield f"| {row.label} | {severity:g} {row.unit} | {_place(row)} | {_percent(row)} | {failures} |"
    targets = set(table.loc[table["declared"] == 1, "defect"])
    left = table[~table["defect"].isin({*targets, NO_DEFECT})]
    for label in left["label"].unique():
        yield f"\n{label}: also injected; no question that volumes alone can answer is expected to detect it."


def _percent(row: Any) -> str:
    return f"{row.share_fail:.0%} ({row.ci_low:.0%} to {row.ci_high:.0%})"
