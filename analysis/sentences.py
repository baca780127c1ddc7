"""Sentences of headlines: the number, its direction in words, the interval, and what it means.

Numbers are rounded by the width of their interval, as in the tables of the report.
"""

from typing import Any

from plausibrain.analysis.conditions import PIECE
from plausibrain.analysis.evaluate import Headline
from plausibrain.cohorts.rounding import decimals_for, rounded_up

FEW_DIGITS = 3
MOST_NAMED = 3


def show(value: float | None, *, percent: bool, decimals: int | None = None) -> str:
    """Return a number for a sentence, or a percentage; zero has no sign.

    Parameters
    ----------
    value : float or None
    percent : bool
    decimals : int, optional
        Decimals of what is shown; up to three significant digits when left out.

    Examples
    --------
    >>> show(0.2813, percent=True), show(0.5617, percent=False), show(-0.0001, percent=False)
    ('28 %', '0.562', '0')
    >>> show(None, percent=False), show(-0.0001, percent=True)
    ('unknown', '0 %')
    """
    if value is None:
        return "unknown"
    if decimals is not None:
        number = round((100 if percent else 1) * value, decimals) + 0.0
        return f"{number:,.{decimals}f}{' %' if percent else ''}"
    if percent:
        digits = 0 if abs(value) >= 0.1 else 1
        quantity = round(100 * value, digits) + 0.0
        return f"{quantity:.{digits}f} %" if quantity else "0 %"
    quantity = round(value, FEW_DIGITS) + 0.0
    return f"{quantity:.3g}" if abs(quantity) < 1 else f"{value:.3g}"


def sentence_of(entry: dict[str, Any], h: Headline, verdict: str, caveat: str) -> str:
    """Return what a headline says in plain words; every number is one of the entry's.

    Parameters
    ----------
    entry : dict
        The entry of the scorecard, complete but for verdict and sentence.
    h : Headline
    verdict, caveat : str
    """
    reading, context = _reading(entry, h), _context(entry)
    is_open = h.plugin.sentence.rstrip(".").endswith(")")  # what the number means, not a name with brackets
    number = f"{reading[:-1]}; {context})" if is_open else f"{reading} ({context})"
    return f"{number}. {_meaning(entry, verdict, caveat)}".strip()


def _reading(entry: dict[str, Any], h: Headline) -> str:
    plugin, estimate = h.plugin, entry["estimate"]
    words, value = plugin.words, estimate
    direction = ""
    if words is not None and estimate is not None:
        direction, value = words[int(estimate > 0)], abs(estimate)
    number = show(value, percent=plugin.percent, decimals=_decimals(entry))
    text = plugin.sentence.format(estimate=number, which=entry["which"], direction=direction)
    return str(text).rstrip(".")


def _decimals(entry: dict[str, Any], of: dict[str, Any] | None = None) -> int | None:
    """Count the decimals that fit the width of an interval; None without one."""
    low, high = (entry["ci_low"], entry["ci_high"]) if of is None else (of["low"], of["high"])
    if low is None or high is None:
        return None
    return decimals_for((100 if entry["percent"] else 1) * (high - low))


def _context(entry: dict[str, Any]) -> str:
    percent = entry["percent"]
    parts = []
    if entry["ci_low"] is not None and entry["ci_high"] is not None:
        digits = _decimals(entry)
        low, high = (show(entry[key], percent=percent, decimals=digits) for key in ("ci_low", "ci_high"))
        level = show(entry["ci_level"], percent=True)
        parts.append(f"{level} CI {low} to {high}")
    if entry["null"]:
        null = entry["null"]
        median = show(null["median"], percent=percent, decimals=_decimals(entry, null))
        parts.append(f"two halves of the reference: {median} at n = {null['n']}")
    if entry["against_null"] and entry["matched"]:
        matched = entry["matched"]
        median = show(matched["median"], percent=percent, decimals=_decimals(entry, matched))
        parts.append(f"generated at that n: {median}")
    return "; ".join(parts) or f"n = {entry['n_generated']}"


def _meaning(entry: dict[str, Any], verdict: str, caveat: str) -> str:
    if verdict == "not judged":
        return f"Not judged: {caveat}."
    if verdict == "fail":
        return _failure(entry)
    if verdict == "pass":
        what = "Its excess over the halves of the reference" if entry["against_null"] else "The difference"
        return f"{what} is within the margin."
    if caveat:
        return f"Inconclusive: {caveat}."
    n = entry["n_needed"]
    about = f"; about {rounded_up(n):,} generated subjects would decide if the estimate holds" if n else ""
    if entry["differs"]:
        return f"It differs from the reference, by more or by less than the margin allows{about}."
    return f"The interval includes both acceptable and unacceptable differences{about}."


def _failure(entry: dict[str, Any]) -> str:
    failing = [row["structure"] for row in entry["failing"]]
    if not failing:
        return "This is beyond the margin and more than chance."
    more = f" and {len(failing) - MOST_NAMED} more" if len(failing) > MOST_NAMED else ""
    over = "pieces of the range" if failing[0].startswith(PIECE) else "structures"
    return f"After correction over {over} these fail: {', '.join(failing[:MOST_NAMED])}{more}."
