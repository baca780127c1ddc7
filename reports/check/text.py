"""A regression check in words: for a terminal, for a pull request (Markdown) and as JSON.

The Markdown opens with a tally and the first culprit, and has at most 40 lines; the page beside it
(`check.html`) holds every number.
"""

import json
import math
import re
from collections.abc import Sequence

from plausibrain.cohorts.tables import finite_or_none
from plausibrain.reports.baseline_snapshot import Headline
from plausibrain.reports.check.outcomes import CheckResult, Outcome, Row
from plausibrain.reports.compare.structures import PREFIX
from plausibrain.reports.formatting import (
    MISSING,
    count,
    decimals_for,
    estimate,
    fixed,
    interval,
    interval_decimals,
    number,
    scaled,
    shown_unit,
)

HEADINGS: dict[Outcome, str] = {
    "fail": "Worse than allowed",
    "missing": "Missing",
    "inconclusive": "Inconclusive: too few subjects to tell",
}
COUNTED: tuple[Outcome, ...] = ("fail", "missing", "inconclusive")
QUIET: tuple[Outcome, ...] = (
    "watched",
    "pass",
    "not judged",
    "left out",
)  # of single structures only counted on a terminal
MAX_LINES = 16  # rows in Markdown, which then stays within 40 lines
SENTENCES = {
    "pass": "Nothing is worse than the baseline by more than is allowed.{watched}",
    "fail": "{fail} of {tested} numbers {are} worse than the baseline by more than is allowed.",
    "missing": "{missing} of {tested} numbers cannot be compared, and what is missing does not pass.",
    "inconclusive": "{inconclusive} of {tested} numbers may or may not be worse than allowed: too few "
    "subjects to tell.",
}
NEXT = "Next"
NOTHING = "Nothing was compared that decides the check, and what is missing does not pass."


def sentence(result: CheckResult) -> str:
    """Return the outcome of a check in one sentence."""
    n_tested = len(result.rows) - result.count("not judged") - result.count("left out")
    if not n_tested or (result.status == "missing" and not result.count("missing")):
        return NOTHING
    counts: dict[str, object] = {name: result.count(name) for name in COUNTED}
    n_watched = result.count("watched")
    note = f" {n_watched} of {n_tested} are only watched: too few subjects to tell." if n_watched else ""
    return SENTENCES[result.status].format(
        tested=n_tested, watched=note, are="is" if counts["fail"] == 1 else "are", **counts
    )


def facts(row: Row) -> list[tuple[str, str]]:
    """List what is known about a row as pairs of term and text, in reading order."""
    pairs = [("Reason", row.reason)]
    if row.baseline and row.baseline.usable:
        pairs.append(("Baseline", _value(row, "baseline")))
    if row.run and row.run.usable:
        pairs.append(("Run", _value(row, "run")))
    if row.joint:
        pairs += [("Worse by", worsening(row)), ("Allowed", f"{allowed(row)} (rule {row.rule})")]
    return pairs + ([(NEXT, row.advice)] if row.advice else [])


def facts_of(row: Row) -> str:
    """Return the facts of a row as plain lines."""
    return "\n".join(f"{term}: {text}" for term, text in facts(row))


def _value(row: Row, which: str) -> str:
    h = row.run if which == "run" else row.baseline
    if h is None:
        return ""
    text = estimate(h.estimate, h.ci_low, h.ci_high, h.unit)
    aim = f"ideal {number(h.ideal, h.unit)}" if h.better == "closer" else f"{h.better} is better"
    return (
        f"{_with_unit(text, shown_unit(h.unit))} ({100 * h.ci_level:.0f} % CI "
        f"{interval(h.ci_low, h.ci_high, h.unit)}; "
        f"{aim}; "
        f"{count(h.n_generated)} generated, {count(h.n_reference)} reference subjects)"
    )


def worsening(row: Row) -> str:
    """Return by how much the run is worse, with both bounds; a negative number is an improvement."""
    value, low, high = changes(row)
    return f"{_with_unit(value, row.shown_unit)} (at least {low}, at most {high})"


def changes(row: Row) -> tuple[str, str, str]:
    """Return worsening, lower and upper bound as text; factors where the headline is a ratio."""
    numbers = (row.worsening, row.low, row.high)
    if row.ratio:
        decimals = decimals_for(math.exp(row.high) - math.exp(row.low))
        value, low, high = (f"×{fixed(math.exp(item), decimals)}" for item in numbers)
    else:
        decimals = interval_decimals(row.low, row.high, row.unit)
        value, low, high = (fixed(scaled(item, row.unit), decimals, signed=True) for item in numbers)
    return value, low, high


def allowed(row: Row) -> str:
    """Return the allowed worsening with its unit."""
    return _with_unit(_tolerance(row), row.shown_unit)


def _tolerance(row: Row) -> str:
    if row.ratio:
        return f"×{number(math.exp(row.tolerance))}"
    return number(row.tolerance, row.unit)


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}" if unit else text


def plain(result: CheckResult) -> str:
    """Return the check as lines for a terminal, worst first."""
    lines = [
        f"{result.status.upper()}  {tally(result)}",
        *([f"first     {culprit_sentence(result)}"] if result.culprit else [sentence(result)]),
        f"run       {result.run.name}  ({result.run.source})",
    ]
    lines += [f"baseline  {result.baseline.name}  ({result.baseline.source})", result.pairing.sentence, ""]
    quiet = [row for row in result.rows if row.outcome in QUIET and row.name.startswith(PREFIX)]
    for row in result.rows:
        if row not in quiet:
            lines += _plain_row(row)
    for outcome in QUIET:
        n = sum(row.outcome == outcome for row in quiet)
        lines += [f"{outcome:<13} {n} single structures"] if n else []
    return "\n".join(_one_line(line) for line in lines) + "\n"


def _plain_row(row: Row) -> list[str]:
    lines = [f"{row.outcome:<13} {row.label}  [{row.name}]"]
    if row.joint:
        lines.append(f"{'':13} worse by {worsening(row)}; allowed {allowed(row)}")
    if row.outcome != "pass":
        lines.append(f"{'':13} {row.reason}. {row.advice}".rstrip())
    return lines


def tally(result: CheckResult) -> str:
    """Count the outcomes of a check in one line: ``8 failed, 1 inconclusive, 0 improved, …``."""
    counts = {
        "failed": result.count("fail"),
        "missing": result.count("missing"),
        "inconclusive": result.count("inconclusive"),
        "improved": result.n_improved,
        "passed": result.count("pass") - result.n_improved,
        "watched": result.count("watched"),
        "not judged": result.count("not judged"),
        "skipped": result.count("left out"),
    }
    rare = ("missing", "watched", "not judged")
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n or name not in rare)


def culprit_sentence(result: CheckResult) -> str:
    """Name the first number that keeps the check from passing; empty when it passes."""
    row = result.culprit
    if row is None:
        return ""
    if row.joint is None:
        return f"{row.label}: {row.reason}"
    return f"{row.label}: worse by {worsening(row)}; allowed {allowed(row)}"


def markdown(result: CheckResult) -> str:
    """Return the check as Markdown of at most 40 lines, for a pull request or a job summary."""
    bad = [row for row in result.rows if row.outcome in HEADINGS]
    first = culprit_sentence(result)
    parts = [
        f"## Regression check: {result.status.upper()}",
        f"**{tally(result)}**",
        f"First: **{_escape(first)}**" if first else sentence(result),
        f"Run {_code(result.run.name)} against baseline {_code(result.baseline.name)}"
        + (f" of {_escape(result.baseline.facts.date)}" if result.baseline.facts.date else "")
        + f" · {count(result.run.n_generated)} generated and {count(result.run.n_reference)} reference "
        f"subjects in the run, {count(result.baseline.n_generated)} and "
        f"{count(result.baseline.n_reference)} in the baseline.",
    ]
    parts += [_table(bad[:MAX_LINES])] if bad else []
    left = len(bad) - MAX_LINES
    parts += [f"… and {left} more; every number is in `check.html`."] if left > 0 else []
    advice = [row.advice for row in bad if row.advice]
    parts += [f"{NEXT}: {advice[0]}"] if advice else []
    return "\n\n".join([*parts, _how_to_read(result)]) + "\n"


def markdown_error(message: str) -> str:
    """Return Markdown for a check that could not be made."""
    first, *rest = message.splitlines()
    lines = "\n".join(f"- {_escape(line.strip())}" for line in rest)
    return f"## Regression check: NOT MADE\n\n**{_escape(first)}**\n" + (f"\n{lines}\n" if rest else "")


def _table(rows: Sequence[Row]) -> str:
    lines = ["| Outcome | Headline | Baseline | Run | Worse by | At least | At most | Allowed |"]
    lines += ["| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    return "\n".join(lines + [f"| {' | '.join(_cells(row))} |" for row in rows])


def value_text(headline: Headline | None) -> str:
    """Return an estimate with its unit; an en dash where there is none."""
    if headline is None or not headline.usable:
        return MISSING
    text = estimate(headline.estimate, headline.ci_low, headline.ci_high, headline.unit)
    return _with_unit(text, shown_unit(headline.unit))


def _cells(row: Row) -> list[str]:
    values = [
        estimate(h.estimate, h.ci_low, h.ci_high, h.unit) if h and h.usable else "–"
        for h in (row.baseline, row.run)
    ]
    unit = shown_unit(row.unit)
    label = _escape(row.label) + (f" ({_escape(unit)})" if unit else "")
    return [row.outcome, label, *values, *changes(row), _tolerance(row)]


def _how_to_read(result: CheckResult) -> str:
    bound = result.alpha / max(result.n_tests, 1)
    parts = [
        "*Worse by* is how much further the run is from the ideal than the baseline; a negative number "
        f"is an improvement. *At least* is its lower bound with a one-sided error of {bound:.2g}: the chance "
        f"of any false fail among {result.n_tests} comparisons stays below {100 * result.alpha:.0f} %. *At "
        "most* is "
        f"its upper bound with an error of {100 * result.alpha:.0f} %. A number fails when *at least* "
        "exceeds "
        "*allowed*, passes when *at most* does not, and is inconclusive otherwise. What a rule only watches "
        "can fail the check but does not hold it up.",
        _escape(result.pairing.sentence),
        _how_combined(result),
        f"Protocol fingerprint {_code(result.run.facts.fingerprint)} in both.",
    ]
    text = " ".join(part for part in parts if part)
    return f"<details><summary>How to read this</summary>\n\n{text}\n\n</details>"


def _how_combined(result: CheckResult) -> str:
    rows = [row for row in result.rows if row.joint and not row.name.startswith(PREFIX)]
    parts = []
    if any(row.joint and not row.joint.from_draws for row in rows):
        parts.append(
            "Where bootstrap resamples are absent or do not vary, standard errors are combined as if the "
            "runs were independent, which is cautious when they share subjects."
        )
    if any(row.joint and row.name.startswith(PREFIX) for row in result.rows):
        parts.append(
            "Single structures are compared with this reference itself, with approximate standard errors "
            "from their intervals."
        )
    return " ".join(parts)


def as_json(result: CheckResult) -> str:
    """Return the check as JSON, full precision; a number that is missing is null."""
    content = {
        "schema": 1,
        "status": result.status,
        "exit_code": result.exit_code,
        "sentence": sentence(result),
        "run": {"name": result.run.name, "source": str(result.run.source)},
        "baseline": {"name": result.baseline.name, "source": str(result.baseline.source)},
        "fingerprint": result.run.facts.fingerprint,
        "alpha": result.alpha,
        "comparisons": result.n_tests,
        "reference_subjects": result.pairing.reference,
        "generated_subjects": result.pairing.generated,
        "rows": [_json_row(row) for row in result.rows],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _json_row(row: Row) -> dict[str, object]:
    numbers = {
        "baseline": row.baseline.estimate if row.baseline else None,
        "run": row.run.estimate if row.run else None,
        "worsening": row.worsening,
        "at_least": row.low,
        "at_most": row.high,
        "allowed": row.tolerance,
        "se": row.joint.se_difference if row.joint else None,
        "n_generated": row.run.n_generated if row.run else None,
        "n_reference": row.run.n_reference if row.run else None,
    }
    return {
        "headline": row.name,
        "label": row.label,
        "question": row.question,
        "rule": row.rule,
        "outcome": row.outcome,
        "unit": row.unit,
        "worsening_scale": "logarithm" if row.ratio else "unit",
        **{name: None if value is None else finite_or_none(value) for name, value in numbers.items()},
        "from_draws": row.joint.from_draws if row.joint else None,
        "reason": row.reason,
        "next": row.advice,
    }


def _one_line(text: str) -> str:
    """Drop control characters, so that a name can neither break a line nor steer a terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", text)


def _escape(text: str) -> str:
    """Escape what Markdown or HTML would read as mark-up, pipes of tables and mentions."""
    safe = _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", safe)
    return safe.replace("@", "@\N{WORD JOINER}")


def _code(text: str) -> str:
    """Set as code where the text allows it, else escape it."""
    return _escape(text) if re.search(r"[`|<>&\\@]", _one_line(text)) else f"`{_one_line(text)}`"
