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

WANTED_POWER = 0.8
NO_DEFECT = "none"


def write_audit_page(folder: Path) -> Path:
    """Write `audit.md` beside `audit.tsv` and `audit.json`.

    Parameters
    ----------
    folder : Path
        Folder of an audit.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    DataError
        When the table is missing or of another schema.
    """
    table = read_table(folder / "audit.tsv", AUDIT)
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    return write_text_atomic(folder / "audit.md", audit_markdown(table, settings))


def smallest_seen(table: pd.DataFrame) -> pd.DataFrame:
    """Return for every defect the smallest severity that a declared question sees with 80 % power.

    Returns
    -------
    DataFrame
        Columns `defect`, `label`, `unit`, `severity` (NaN when none), `question`, `share_fail`, `ci_low`,
        `ci_high`; the last four of the strongest step where no step is seen.
    """
    targets = table[(table["declared"] == 1) & (table["headline"] == "")]
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


def audit_markdown(table: pd.DataFrame, settings: dict[str, Any]) -> str:
    """Return the audit as Markdown."""
    return (
        "\n".join([*_head(table, settings), *_false_alarms(table), *_smallest(table), *_ladder(table)]) + "\n"
    )


def _head(table: pd.DataFrame, settings: dict[str, Any]) -> Iterator[str]:
    yield "# Audit: which defects does this benchmark detect?\n"
    yield f"Printed by `{settings['command']}` on {settings['date']} ({settings['cores']} cores).\n"
    yield (
        f"{int(table['subjects'].iloc[0])} subjects per cohort, volumes sampled from published norms, "
        f"{settings['n_resamples']} resamples, {settings['n_splits']} splits. Power is the share of trials "
        "in which a question failed, with its exact 95 % interval.\n"
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
        yield f"| {row.question} | {row.headline} | {counts} | {_percent(row)} |"
    yield ""


def _smallest(table: pd.DataFrame) -> Iterator[str]:
    yield "## Smallest defect detected with 80 % power\n"
    yield "| defect | severity | unit | question | power |\n|---|---|---|---|---|"
    for row in smallest_seen(table).itertuples():
        size = f"{float(row.severity):g}" if np.isfinite(float(row.severity)) else "none of those tested"  # type: ignore[arg-type]
        yield f"| {row.label} | {size} | {row.unit} | {row.question} | {_percent(row)} |"
    yield ""


def _ladder(table: pd.DataFrame) -> Iterator[str]:
    yield "## Every severity\n"
    yield "| defect | severity | question | power | headlines that failed |\n|---|---|---|---|---|"
    for (defect, severity), group in table.groupby(["defect", "severity"], sort=False):
        if defect == NO_DEFECT:
            continue
        failures = group[(group["headline"] != "") & (group["n_fail"] > 0)].sort_values(
            "share_fail", ascending=False
        )
        names = ", ".join(f"{r.headline} {r.share_fail:.0%}" for r in failures.itertuples())
        for row in group[(group["headline"] == "") & (group["declared"] == 1)].itertuples():
            yield f"| {row.label} | {severity:g} {row.unit} | {row.question} | {_percent(row)} | {names} |"
    targets = set(table.loc[table["declared"] == 1, "defect"])
    left = table[~table["defect"].isin({*targets, NO_DEFECT})]
    for label in left["label"].unique():
        yield f"\n{label}: also injected; no question that volumes alone can answer is expected to detect it."


def _percent(row: Any) -> str:
    return f"{row.share_fail:.0%} ({row.ci_low:.0%} to {row.ci_high:.0%})"
