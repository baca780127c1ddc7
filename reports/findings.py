"""What the first screen says: the answer, the largest faults by name, and what has no verdict and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from plausibrain.cohorts.rounding import rounded_up
from plausibrain.reports.formatting import (
    count,
    estimate,
    first_sentence,
    interval,
    is_missing,
    listing,
    number,
    shown_unit,
)
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results
from plausibrain.reports.structure_names import region_label

N_BIASES = 5
N_FAULTS = 6
#: Headlines about all structures at once: on the first screen the structures themselves stand for them.
ABOUT_STRUCTURES = ("size_within", "size_worst")
#: How a caveat begins; the state says so already.
WITHHELD = "the design does not support a verdict: "
#: Shown on the first screen whatever their verdict, because every other number is read against them.
ALWAYS = ("size_head", "spread_head", "conditioning_ventricle", "conditioning_brain")


@dataclass(frozen=True)
class Finding:
    """One line of the first screen: a name, a number in words with its interval, and its verdict."""

    name: str
    text: str
    verdict: str
    link: str


@dataclass(frozen=True)
class Unjudged:
    """Questions that have no pass or fail, for one reason."""

    state: str
    names: str
    reason: str


def answer(card: Mapping[str, Any]) -> str:
    """Return the answer of a scorecard in one line.

    Examples
    --------
    >>> answer({"verdict": "fail", "questions": [{"name": "Conditioning", "verdict": "fail"}]})
    'Fails on conditioning'
    """
    names = {
        state: [str(q["name"]).lower() for q in card["questions"] if q["verdict"] == state]
        for state in ("fail", "inconclusive", "not judged", "pass")
    }
    if names["fail"]:
        return f"Fails on {_listing(names['fail'])}"
    if names["inconclusive"]:
        more = f"; passes {len(names['pass'])} of 10 questions" if names["pass"] else ""
        return f"Inconclusive on {_listing(names['inconclusive'])}{more}"
    if names["pass"]:
        rest = 10 - len(names["pass"])
        return f"Passes {len(names['pass'])} of 10 questions" + (
            f"; {rest} without a verdict" if rest else ""
        )
    return "Nothing could be judged"


def _listing(names: list[str]) -> str:
    """List titles, some of which hold an "and" of their own.

    Examples
    --------
    >>> _listing(["regional volumes", "distribution and coverage"])
    'regional volumes, and distribution and coverage'
    """
    plain = len(names) < 3 and not any(" and " in name for name in names)
    return (
        listing(names) if plain else ", and ".join([", ".join(names[:-1]), names[-1]]).removeprefix(", and ")
    )


def biases(run: Run) -> list[Finding]:
    """Name the structures with the largest differences, both sides as one, largest first.

    Structures that fail come first; those that differ beyond chance without failing follow. Where there is
    none of either, the largest difference is named with its verdict.
    """
    table = select_results(run, question=2, quantities=("adjusted_d", "hedges_g"), cohort="difference")
    table = table[table.structure != "TIV"]
    if table.empty:
        return []
    table = table.assign(
        region=table.structure.map(region_label), size=table.estimate.abs(), failed=table.verdict == "fail"
    )
    ranking = table.sort_values(["failed", "size"], ascending=False, kind="stable").drop_duplicates("region")
    differing = ranking[(ranking.verdict != "pass") & ((ranking.ci_low > 0) | (ranking.ci_high < 0))]
    rows = ranking[ranking.failed] if ranking.failed.any() else differing
    rows = rows if len(rows) else ranking.head(1)
    return [
        Finding(row.region, _directed(row), row.verdict, "#fig-size_forest")
        for _, row in rows.head(N_BIASES).iterrows()
    ]


def _directed(row: Mapping[str, Any] | pd.Series) -> str:
    """Write a difference with its direction in words: ``1.64 SD too small (1.46 to 1.85)``."""
    value, unit = float(row["estimate"]), str(row["unit"])
    sign = 1 if value > 0 else -1
    size = {1: ("large", "larger"), -1: ("small", "smaller")}[sign]
    words = f"too {size[0]}" if row["verdict"] == "fail" else size[1]
    if is_missing(row["ci_low"]):
        return f"{estimate(abs(value), None, None, unit)} {shown_unit(unit)} {words}"
    low, high = sorted((sign * float(row["ci_low"]), sign * float(row["ci_high"])))
    return f"{estimate(abs(value), low, high, unit)} {shown_unit(unit)} {words} ({interval(low, high, unit)})"


def faults(run: Run) -> list[Finding]:
    """List the headlines that fail beyond single structures, and those that are always shown."""
    findings = list(_headlines(run))
    failing = [finding for finding in findings if finding.verdict == "fail"]
    return [*failing, *(finding for finding in findings if finding.verdict != "fail")][:N_FAULTS]


def _headlines(run: Run) -> Iterator[Finding]:
    for question in run.questions:
        for entry in question["headlines"]:
            headline = dict.fromkeys(("ci_low", "ci_high", "verdict")) | entry
            if headline["name"] in ABOUT_STRUCTURES or is_missing(headline.get("estimate")):
                continue
            if headline["verdict"] == "fail" or headline["name"] in ALWAYS:
                yield _headline(question, headline)


def _headline(question: Mapping[str, Any], h: Mapping[str, Any]) -> Finding:
    unit, ideal = str(h.get("unit") or ""), h.get("ideal")
    label, link = str(h.get("label") or h["name"]), f"#q{question['number']}"
    if unit == "SD" and ideal == 0 and not h.get("against_null"):
        return Finding(label, _directed(h), str(h["verdict"] or ""), link)
    value = f"{estimate(h['estimate'], h['ci_low'], h['ci_high'], unit)} {shown_unit(unit)}".strip()
    ends = "" if is_missing(h["ci_low"]) else interval(h["ci_low"], h["ci_high"], unit)
    has_ideal = not is_missing(ideal) and not h.get("against_null") and unit != "share"
    inside = "; ".join(part for part in (ends, f"ideal {number(ideal, unit)}" if has_ideal else "") if part)
    return Finding(label, f"{value} ({inside})" if inside else value, str(h["verdict"] or ""), link)


def unjudged(run: Run) -> list[Unjudged]:
    """Group the questions without a pass or fail by the reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for question in run.questions:
        state = str(question["verdict"])
        if state in ("inconclusive", "not judged", "not measured"):
            key = (state, _reason(question, state))
            groups.setdefault(key, []).append(str(question["name"]))
    order = ("inconclusive", "not judged", "not measured")
    rows = sorted(groups.items(), key=lambda item: order.index(item[0][0]))
    return [Unjudged(state, _listing(names), reason) for (state, reason), names in rows]


def _reason(question: Mapping[str, Any], state: str) -> str:
    if state == "not measured":
        return str(question.get("reason") or "no reason was given")
    headlines = [h for h in question["headlines"] if h.get("verdict") == state]
    if state == "not judged":
        texts = dict.fromkeys(str(h.get("caveat") or "").removeprefix(WITHHELD) for h in headlines)
        return (
            first_sentence("; ".join(text for text in texts if text)) or "the design does not carry a verdict"
        )
    sizes = [float(h["n_needed"]) for h in headlines if not is_missing(h.get("n_needed"))]
    if sizes:
        about = count(rounded_up(max(sizes)))
        return f"the intervals are too wide; about {about} generated subjects would decide"
    return "the intervals include both acceptable and unacceptable values"
