"""The scorecard: verdicts and plain sentences, from evaluated headlines."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from plausibrain.analysis.design import Design
from plausibrain.analysis.evaluate import Headline
from plausibrain.analysis.pair import full_pair
from plausibrain.analysis.questions import QUESTIONS, Question
from plausibrain.analysis.settings import Settings

PASS, FAIL, INCONCLUSIVE = "pass", "fail", "inconclusive"
NOT_JUDGED, NOT_MEASURED = "not judged", "not measured"


def build_scorecard(headlines: Sequence[Headline], design: Design, settings: Settings) -> dict[str, Any]:
    """Return the scorecard of docs/architecture.md without the names of run and cohorts.

    Parameters
    ----------
    headlines : sequence of Headline
    design : Design
    settings : Settings
    """
    n_judged = sum(h.status == "ok" for h in headlines)
    entries = [
        (h.plugin.options["question"], headline_entry(h, design, settings, n_judged)) for h in headlines
    ]
    questions = [_question(q, [entry for number, entry in entries if number == q.number]) for q in QUESTIONS]
    verdict = combine([q["verdict"] for q in questions])
    return {
        "schema": 1,
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


def headline_entry(h: Headline, design: Design, settings: Settings, n_judged: int) -> dict[str, Any]:
    """Return one headline as it stands in the scorecard."""
    options = h.plugin.options
    entry: dict[str, Any] = {
        "name": h.plugin.name, "label": h.plugin.label, "unit": h.plugin.unit, "ideal": options["ideal"],
        "better": h.plugin.better, "percent": options["percent"], "logarithmic": options["logarithmic"],
        "against_null": options["against_null"], "source": list(h.plugin.source),
        "n_reference": len(h.frame.reference.clusters), "n_generated": len(h.frame.generated.clusters),
        "status": h.status, "reason": h.reason, "caveat": "",
    }  # fmt: skip
    if h.status != "ok":
        blank = dict.fromkeys(
            ("estimate", "ci_low", "ci_high", "se", "mde", "margin_low", "margin_high", "null", "matched")
        )
        return (
            entry | blank | {"ci_level": settings.confidence, "verdict": NOT_MEASURED, "sentence": h.reason}
        )
    verdict, caveat = _verdict(h, design, settings, n_judged)
    low, high = h.interval(settings.confidence)
    shift = h.estimate - h.judged  # margins of an excess over the null, moved to the scale of the estimate
    numbers = {
        "estimate": h.estimate, "ci_low": low, "ci_high": high, "ci_level": settings.confidence, "se": h.se,
        "judged": h.judged, "margin_low": h.margin[0] + shift, "margin_high": h.margin[1] + shift,
        "mde": h.detectable(settings.alpha, n_judged),
    }  # fmt: skip
    entry |= {key: finite(value) for key, value in numbers.items()}
    entry |= {"null": summary(h.null, h.frame.split_size), "matched": summary(h.matched, h.frame.split_size)}
    return entry | {"verdict": verdict, "caveat": caveat, "sentence": _sentence(h, entry, verdict, caveat)}


def _verdict(h: Headline, design: Design, settings: Settings, n_judged: int) -> tuple[str, str]:
    broken = [design.violated[a] for a in h.plugin.options["assumes"] if a in design.violated]
    if broken:
        return NOT_JUDGED, f"the design does not support a verdict: {'; '.join(broken)}"
    return h.verdict(settings.alpha, n_judged), h.too_few


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
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    low, median, high = np.quantile(known, [0.025, 0.5, 0.975])
    return {"median": float(median), "low": float(low), "high": float(high), "n": n, "splits": len(known)}


def show(value: float | None, *, percent: bool) -> str:
    """Return a number for a sentence: three significant digits, or a percentage.

    Examples
    --------
    >>> show(0.2813, percent=True), show(0.5617, percent=False), show(None, percent=False)
    ('28 %', '0.562', 'unknown')
    """
    if value is None:
        return "unknown"
    if percent:
        return f"{100 * value:.0f} %" if abs(value) >= 0.1 or value == 0 else f"{100 * value:.1f} %"
    return f"{round(value, 3):.3g}" if abs(value) < 1 else f"{value:.3g}"


def _sentence(h: Headline, entry: dict[str, Any], verdict: str, caveat: str) -> str:
    percent = h.plugin.options["percent"]
    which = h.plugin.options["which"]
    text = h.plugin.options["sentence"].format(
        estimate=show(entry["estimate"], percent=percent), which=which(full_pair(h.frame)) if which else ""
    )
    if entry["null"]:
        median = show(entry["null"]["median"], percent=percent)
        text += f" Split-half reference at n = {entry['null']['n']}: {median}."
    if verdict == NOT_JUDGED:
        text += f" Not judged: {caveat}."
    elif caveat:
        text += " There is no verdict: see the caveat."
    elif verdict == INCONCLUSIVE:
        text += " The interval includes both acceptable and unacceptable differences."
    return text


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
    reasons = [e["reason"] for e in entries if e["reason"]]
    return "; ".join(dict.fromkeys(reasons)) if reasons else f"needs {question.needs}"


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
    unmeasured = sum(q["verdict"] == NOT_MEASURED for q in questions)
    if unmeasured:
        parts.append(f"Not measured: {unmeasured} of {len(questions)} questions.")
    return " ".join(parts) if verdict != NOT_MEASURED else "Nothing could be measured."
