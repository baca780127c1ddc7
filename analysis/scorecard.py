"""The scorecard: verdicts and plain sentences, from evaluated headlines."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from plausibrain.analysis.decisions import holm_divisors
from plausibrain.analysis.design import Design
from plausibrain.analysis.evaluate import Headline
from plausibrain.analysis.pair import full_pair
from plausibrain.analysis.questions import QUESTIONS, Question
from plausibrain.analysis.sentences import sentence_of
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.structure_maps import MapTest

PASS, FAIL, INCONCLUSIVE = "pass", "fail", "inconclusive"
NOT_JUDGED, NOT_MEASURED = "not judged", "not measured"
#: Of `scorecard.json`; 1 had other words for verdicts and no state *not judged*.
SCHEMA = 2
#: More subjects than anybody has are no advice.
MOST_NEEDED = 1_000_000


def build_scorecard(headlines: Sequence[Headline], design: Design, settings: Settings) -> dict[str, Any]:
    """Return the scorecard of docs/architecture.md without the names of run and cohorts.

    Parameters
    ----------
    headlines : sequence of Headline
    design : Design
    settings : Settings
    """
    withheld = [bool(_broken(h, design)) for h in headlines]
    p = [math.nan if out else h.p for h, out in zip(headlines, withheld, strict=True)]
    entries = [
        (h.plugin.question, headline_entry(h, design, settings, k))
        for h, k in zip(headlines, holm_divisors(p, settings.alpha), strict=True)
    ]
    questions = [_question(q, [entry for number, entry in entries if number == q.number]) for q in QUESTIONS]
    verdict = combine([q["verdict"] for q in questions])
    return {
        "schema": SCHEMA,
        "verdict": verdict,
        "sentence": _overall(verdict, questions),
        "settings": settings.model_dump(mode="json"),
        "design": {"kind": design.kind, "statements": list(design.statements)},
        "questions": questions,
    }


def combine(verdicts: Sequence[str]) -> str:
    """Return the verdict on several: the first of *fail*, *inconclusive*, *not judged* and *pass* among them.

    What was not measured does not count; when nothing was, neither is the whole.

    Examples
    --------
    >>> combine(["pass", "inconclusive"]), combine(["pass", "not measured"]), combine([])
    ('inconclusive', 'pass', 'not measured')
    >>> combine(["pass", "not judged"]), combine(["inconclusive", "not judged"])
    ('not judged', 'inconclusive')
    """
    order = (FAIL, INCONCLUSIVE, NOT_JUDGED, PASS)
    return next((verdict for verdict in order if verdict in verdicts), NOT_MEASURED)


def headline_entry(h: Headline, design: Design, settings: Settings, divisor: int) -> dict[str, Any]:
    """Return one headline as it stands in the scorecard.

    Parameters
    ----------
    h : Headline
    design : Design
    settings : Settings
    divisor : int
        What alpha is divided by for this headline (`plausibrain.analysis.decisions.holm_divisors`).
    """
    plugin = h.plugin
    entry: dict[str, Any] = {
        "name": plugin.name, "label": plugin.label, "unit": plugin.unit, "ideal": plugin.ideal,
        "better": plugin.better, "percent": plugin.percent, "logarithmic": plugin.logarithmic,
        "against_null": plugin.against_null, "source": list(plugin.source), "methods": plugin.methods,
        "n_reference": len(h.frame.reference.clusters), "n_generated": len(h.frame.generated.clusters),
        "status": h.status, "reason": h.reason, "caveat": "",
    }  # fmt: skip
    if h.status != "ok":
        blank = dict.fromkeys(
            (
                "estimate",
                "ci_low",
                "ci_high",
                "pass_low",
                "pass_high",
                "fail_low",
                "fail_high",
                "se",
                "mde",
                "margin_low",
                "margin_high",
                "null",
                "matched",
                "p_fail",
                "n_needed",
                "worst",
            )
        )
        return (
            entry | blank | {"ci_level": settings.confidence, "verdict": NOT_MEASURED, "sentence": h.reason}
        )
    verdict, caveat = _verdict(h, design, settings, divisor)
    low, high = h.interval(settings.confidence)
    passing, level = h.interval(1 - 2 * settings.alpha), settings.alpha / divisor
    failing = h.failing_interval(level)
    shift = h.estimate - h.judged  # margins of an excess over the null, moved to the scale of the estimate
    numbers = {
        "estimate": h.estimate, "ci_low": low, "ci_high": high, "ci_level": settings.confidence, "se": h.se,
        "pass_low": passing[0], "pass_high": passing[1], "fail_low": failing[0], "fail_high": failing[1],
        "judged": h.judged, "margin_low": h.margin[0] + shift, "margin_high": h.margin[1] + shift,
        "mde": h.detectable(settings.alpha, divisor), "p_fail": h.p,
    }  # fmt: skip
    entry |= {key: finite(value) for key, value in numbers.items()}
    entry |= {"null": summary(h.null, h.frame.split_size), "matched": summary(h.matched, h.frame.split_size)}
    entry |= {
        "which": _which(h), "worst": _worst(h, level), "failing": _failing(h, level),
        "divisor": divisor, "differs": h.differs, "n_needed": _needed(h, settings.alpha, divisor, verdict),
    }  # fmt: skip
    return entry | {"verdict": verdict, "caveat": caveat, "sentence": sentence_of(entry, h, verdict, caveat)}


def _which(h: Headline) -> str:
    which = h.plugin.which
    return str(which(full_pair(h.frame))) if which else ""


def _worst(h: Headline, level: float) -> dict[str, Any] | None:
    """Return the structure of a map that deviates most, as a row."""
    test = h.structures
    return None if test is None else _row(test, int(np.nanargmax(np.abs(test.estimate))), level)


def _failing(h: Headline, level: float) -> list[dict[str, Any]]:
    """Return the structures of a map that fail after correction, worst first; none where n is too small."""
    return (
        []
        if h.structures is None or h.too_few
        else [_row(h.structures, i, level) for i in h.structures.failing(level)]
    )


def _row(test: MapTest, i: int, level: float) -> dict[str, Any]:
    fail_low, fail_high = test.interval(level)
    numbers = {
        "estimate": test.estimate[i], "ci_low": test.low[i], "ci_high": test.high[i], "p": test.p[i],
        "margin": test.margin[i], "pass_low": test.pass_low[i], "pass_high": test.pass_high[i],
        "fail_low": fail_low[i], "fail_high": fail_high[i],
    }  # fmt: skip
    return {"structure": test.names[i], "direction": test.words[int(test.estimate[i] > 0)]} | {
        key: finite(value) for key, value in numbers.items()
    }


def _needed(h: Headline, alpha: float, divisor: int, verdict: str) -> int | None:
    """Return how many generated subjects would decide, at the same share of reference subjects.

    None where no number would, and where by the formula, which takes intervals as symmetric, the present
    number already does: the interval itself then says otherwise.
    """
    factor = h.needed(alpha, divisor) if verdict == INCONCLUSIVE else math.nan
    if not 1.0 < factor < math.inf:
        return None
    n = math.ceil(factor * len(h.frame.generated.clusters))
    return n if n < MOST_NEEDED else None


def _broken(h: Headline, design: Design) -> list[str]:
    return [design.violations[a] for a in h.plugin.assumes if a in design.violations]


def _verdict(h: Headline, design: Design, settings: Settings, divisor: int) -> tuple[str, str]:
    broken = _broken(h, design)
    if broken:
        return NOT_JUDGED, f"the design does not support a verdict: {'; '.join(broken)}"
    return h.verdict(settings.alpha, divisor), h.too_few


def finite(value: float) -> float | None:
    """Return a float for JSON; infinities and NaN become None.

    Examples
    --------
    >>> finite(1.5), finite(float("nan"))
    (1.5, None)
    """
    return float(value) if math.isfinite(value) else None


def summary(values: np.ndarray, n: int) -> dict[str, Any] | None:
    """Return median and central 95 % of split values, or None without splits."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, median, high = np.quantile(finite, [0.025, 0.5, 0.975])
    return {"median": float(median), "low": float(low), "high": float(high), "n": n, "splits": len(finite)}


def _question(question: Question, entries: list[dict[str, Any]]) -> dict[str, Any]:
    measured = [e for e in entries if e["verdict"] != NOT_MEASURED]
    verdict = combine([e["verdict"] for e in entries])
    reason = "" if measured else _why(question, entries)
    deciding = [e for e in measured if e["verdict"] == verdict]
    sentence = " ".join(e["sentence"] for e in deciding[:2]) if measured else f"Not measured: {reason}."
    return {
        "number": question.number, "name": question.name, "asks": question.asks, "verdict": verdict,
        "sentence": sentence, "reason": reason, "headlines": entries,
    }  # fmt: skip


def _why(question: Question, entries: list[dict[str, Any]]) -> str:
    reasons: dict[str, str] = {}
    for reason in (e["reason"] for e in entries if e["reason"]):
        _, share, why = reason.partition(" of resamples: ")  # the same reason at another share says no more
        reasons.setdefault(why if share else reason, reason)
    return "; ".join(reasons.values()) if reasons else f"needs {question.needs}"


def _overall(verdict: str, questions: list[dict[str, Any]]) -> str:
    groups = {
        v: [q["name"].lower() for q in questions if q["verdict"] == v]
        for v in (FAIL, INCONCLUSIVE, NOT_JUDGED, PASS)
    }
    words = {
        FAIL: "Fails (unlike the reference)",
        INCONCLUSIVE: "Inconclusive at this n",
        NOT_JUDGED: "Not judged (the design of the requests or the overlap of ages does not carry it)",
        PASS: "Passes (like the reference)",
    }
    parts = [f"{words[v]}: {', '.join(names)}." for v, names in groups.items() if names]
    n_unmeasured = sum(q["verdict"] == NOT_MEASURED for q in questions)
    if n_unmeasured:
        parts.append(f"Not measured: {n_unmeasured} of {len(questions)} questions.")
    return " ".join(parts) if verdict != NOT_MEASURED else "Nothing could be measured."
