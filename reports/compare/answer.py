"""The answer of a comparison as data: which run to keep, on what counts, and which structures moved."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from plausibrain.reports.compare.page import answer, first_moved, lede
from plausibrain.reports.compare.results import Comparison
from plausibrain.reports.compare.tallies import standings, tallies


def comparison_answer(
    comparison: Comparison, changes: Mapping[tuple[int, int], pd.DataFrame]
) -> dict[str, Any]:
    """Return the first screen of a comparison for ``answer.json``.

    Parameters
    ----------
    comparison : Comparison
    changes : mapping of (first, second) to DataFrame
        Structures that moved, by places of the runs.
    """
    scores = zip(comparison.names, tallies(comparison), strict=True)
    return {
        "answer": answer(comparison, changes),
        "summary": lede(comparison),
        "runs": [{"name": name, **asdict(score)} for name, score in scores],
        "ranks": [
            {
                "name": comparison.names[row.place], "mean_rank": float(row.rank),
                "ci_low": float(row.low), "ci_high": float(row.high), "first": float(row.first),
            }
            for row in standings(comparison)
        ],
        "questions": [
            {
                "number": group.number, "name": group.name,
                "better": None if group.winner is None else comparison.names[group.winner],
            }
            for group in comparison.groups
        ],
        "moved": [_moved(part) for part in first_moved(comparison, changes)],
    }  # fmt: skip


def _moved(part: Mapping[str, Any]) -> dict[str, Any]:
    names = {key: part[key] for key in ("first", "second")}
    structures = [{key: row[key] for key in ("label", "text", "judgement")} for row in part["rows"]]
    return names | {"structures": structures}


def answer_text(answer: Mapping[str, Any]) -> str:
    """Write the answer in lines for a terminal.

    Examples
    --------
    >>> print(answer_text({"answer": "Keep A", "summary": "A is better.", "moved": []}))
    Keep A
    A is better.
    """
    lines = [answer["answer"], answer["summary"]]
    for part in answer["moved"]:
        if part["structures"]:
            lines.append(f"moved from {part['first']} to {part['second']}:")
            lines += [f"  {row['label']}: {row['text']}; {row['judgement']}" for row in part["structures"]]
    return "\n".join(lines)
