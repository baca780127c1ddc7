"""Numbers as text: the only place where plausibrain rounds.

Digits follow the uncertainty: a number is shown with as many decimals as give its interval two significant
digits. Volumes are stored in mm³ and shown in mL. A missing number is an en dash.
"""

import math
import re
from collections.abc import Sequence

from plausibrain.cohorts.rounding import decimals_for

MISSING = "–"
MINUS = "\N{MINUS SIGN}"

#: Stored unit -> (factor, shown unit).
SHOWN_UNITS: dict[str, tuple[float, str]] = {
    "mm3": (1e-3, "mL"),
    "mm³": (1e-3, "mL"),
    "mm3/year": (1e-3, "mL/year"),
    "mm³ per mm³": (1.0, "mL per mL"),
    "share": (100.0, "%"),
    # Words that say what a bare number is; the label says so already.
    "factor": (1.0, ""),
    "ratio": (1.0, ""),
    "ratio of SDs": (1.0, ""),
    "AUC": (1.0, ""),
    "r": (1.0, ""),
    "slope": (1.0, ""),
    "coefficient": (1.0, ""),
    "1e-4": (1.0, "×10⁻⁴"),
    "0 to 1": (1.0, ""),
}


def is_missing(value: object) -> bool:
    """Tell whether a value is None, NaN, infinite or no number at all."""
    if value is None or isinstance(value, str | bool):
        return True
    try:
        return not math.isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return True


def shown_unit(unit: object) -> str:
    """Name the unit as a reader sees it (``mm3`` -> ``mL``)."""
    text = "" if not isinstance(unit, str) else unit
    return SHOWN_UNITS.get(text, (1.0, text))[1]


def scaled(value: object, unit: object = "") -> float:
    """Convert a value to its shown unit; NaN when missing."""
    if is_missing(value):
        return math.nan
    factor = SHOWN_UNITS.get(unit, (1.0, ""))[0] if isinstance(unit, str) else 1.0
    return float(value) * factor  # type: ignore[arg-type]


def fixed(value: object, decimals: int, *, signed: bool = False) -> str:
    """Write a number with fixed decimals, a comma between thousands and a true minus sign."""
    if is_missing(value):
        return MISSING
    text = f"{float(value):{'+' if signed else ''},.{decimals}f}"  # type: ignore[arg-type]
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def number(value: object, unit: object = "", *, significant: int = 3, signed: bool = False) -> str:
    """Write a number that has no interval with three significant digits, in the shown unit (not appended).

    Examples
    --------
    >>> number(1453012.0, "mm3"), number(0.012345), number(None)
    ('1,453', '0.0123', '–')
    """
    quantity = scaled(value, unit)
    if is_missing(quantity):
        return MISSING
    return fixed(quantity, decimals_for(abs(quantity) or 1.0, significant=significant), signed=signed)


def interval_decimals(low: object, high: object, unit: object = "") -> int:
    """Count the decimals with which an estimate and its interval are shown."""
    return decimals_for(abs(scaled(high, unit) - scaled(low, unit)))


def estimate(value: object, low: object, high: object, unit: object = "", *, signed: bool = False) -> str:
    """Write an estimate rounded by the width of its interval; three significant digits when it has none."""
    if is_missing(low) or is_missing(high):
        return number(value, unit, signed=signed)
    return fixed(scaled(value, unit), interval_decimals(low, high, unit), signed=signed)


def interval(low: object, high: object, unit: object = "", *, signed: bool = False) -> str:
    """Write an interval as text, ``0.49 to 0.72``; an en dash when an end is missing."""
    if is_missing(low) or is_missing(high):
        return MISSING
    decimals = interval_decimals(low, high, unit)
    ends = [fixed(scaled(end, unit), decimals, signed=signed) for end in (low, high)]
    return " to ".join(ends)


def p_value(value: object) -> str:
    """Write a probability with two significant digits, never below ``< 0.001``."""
    if is_missing(value):
        return MISSING
    p = float(value)  # type: ignore[arg-type]
    if p < 0.001:
        return "< 0.001"
    return f"{p:.2f}" if p >= 0.01 else f"{p:.3f}"


def count(value: object) -> str:
    """Write a whole number with a comma between thousands."""
    return MISSING if is_missing(value) else f"{round(float(value)):,}"  # type: ignore[arg-type]


def percent(value: object, *, decimals: int = 0) -> str:
    """Write a fraction as a percentage."""
    return MISSING if is_missing(value) else f"{fixed(100 * float(value), decimals)} %"  # type: ignore[arg-type]


def bound(value: object, unit: object = "") -> str:
    """Write a chosen number, such as a margin, without digits that say nothing.

    Examples
    --------
    >>> bound(0.2), bound(-0.2), bound(0.8, "share"), bound(1 / 1.33)
    ('0.2', '−0.2', '80', '0.752')
    """
    limit = scaled(value, unit)
    return MISSING if is_missing(limit) else f"{limit:,.3g}".replace("-", MINUS)


def typographic(text: str) -> str:
    """Give a sentence true minus signs, and spaces that do not break between a number and its unit.

    Examples
    --------
    >>> typographic("d = -0.2 at n = 137, 28 %") == "d = −0.2 at n\u00a0=\u00a0137, 28\u00a0%"
    True
    """
    text = re.sub(r"(?<![\w.)-])-(?=\d)", MINUS, text)
    text = re.sub(r"\bn = (?=\d)", "n\u00a0=\u00a0", text)
    return re.sub(r"(?<=\d) (?=%|SD\b|mL\b|years\b)", "\u00a0", text)


def as_sentence(text: str) -> str:
    """Give a text a capital at its start and a stop at its end.

    Examples
    --------
    >>> as_sentence("one condition at a time was varied")
    'One condition at a time was varied.'
    """
    stop = "" if text[-1:] in ("", ".", "!", "?") else "."
    return f"{text[:1].upper()}{text[1:]}{stop}"


def sentences(text: str) -> list[str]:
    """Split a text into sentences.

    Examples
    --------
    >>> sentences("Heads differ by 0.4 SD. Split-half reference: 0.")
    ['Heads differ by 0.4 SD.', 'Split-half reference: 0.']
    """
    return re.split(r"(?<=[.!?])\s+(?=[A-Z0-9“])", text.strip())


def first_sentence(text: str) -> str:
    """Keep the first sentence of a text."""
    return sentences(text)[0]


def plain_answer(text: str) -> str:
    """Keep what a text says of the generated cohort: each sentence once, none on split-half reference.

    Examples
    --------
    >>> plain_answer("Heads differ. Split-half reference at n = 9: 0. Heads differ.")
    'Heads differ.'
    """
    lines = dict.fromkeys(s for s in sentences(text) if not s.startswith("Split-half reference"))
    return " ".join(lines) or text


def listing(items: Sequence[str]) -> str:
    """Write items as an English list: ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
