"""The page of a regression check: the answer, the first culprit, and every number in one table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from plausibrain.reports.check.outcomes import CheckResult, Row
from plausibrain.reports.check.text import (
    allowed,
    changes,
    culprit_sentence,
    facts,
    sentence,
    tally,
    value_text,
)
from plausibrain.reports.environment import render

#: Control characters and marks of direction, which a name could bring.
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
TITLES = {
    "fail": "Failed",
    "missing": "Missing",
    "inconclusive": "Inconclusive",
    "improved": "Improved",
    "pass": "Passed",
    "watched": "Watched",
    "not judged": "Not judged",
    "left out": "Skipped",
}


@dataclass(frozen=True)
class PageRow:
    """One number of the page as text."""

    label: str
    question: str
    baseline: str
    run: str
    change: str
    bounds: str
    allowed: str
    reason: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Block:
    """All rows of one outcome."""

    outcome: str
    title: str
    rows: list[PageRow]


def check_page(result: CheckResult) -> str:
    """Return the page of a check: one self-contained HTML document."""
    text = render(
        "check.html",
        result=result,
        tally=tally(result),
        first=culprit_sentence(result),
        sentence=sentence(result),
        blocks=_blocks(result.rows),
    )
    return UNSEEN.sub(" ", text)


def _blocks(rows: Sequence[Row]) -> list[Block]:
    blocks = []
    for outcome, title in TITLES.items():
        own = [row for row in rows if ("improved" if row.improved else row.outcome) == outcome]
        if own:
            blocks.append(Block(outcome, title, [_page_row(row) for row in own]))
    return blocks


def _page_row(row: Row) -> PageRow:
    change, low, high = changes(row)
    unit = f" {row.shown_unit}" if row.shown_unit else ""
    has_joint = row.joint is not None
    return PageRow(
        row.label, row.question, value_text(row.baseline), value_text(row.run),
        f"{change}{unit}" if has_joint else "", f"{low} to {high}" if has_joint else "",
        allowed(row) if has_joint else "", row.reason, facts(row),
    )  # fmt: skip
