"""Geometry of the small strip beside each headline: margin band, split-half range, estimate, intervals.

The strip shows what is judged. The thick line is the interval that passes inside the band; the thin line is
the one that fails when it excludes the ideal (of a distance, which depends on n: the band) and the estimate
lies outside the band. A headline about the worst structure that fails shows that structure.

Every strip is drawn in units of its own margin, so the band has the same place and width in all of them and
strips can be compared down the column. Values beyond the strip end in an arrow. A one-sided margin fills the
strip to its open end; without any margin the strip spans the numbers it has.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from plausibrain.reports.formatting import is_missing

WIDTH, HEIGHT = 240.0, 30.0
#: The band takes this part of the strip; the strip therefore spans 1 / 0.3 = 3.3 margins.
BAND_FRACTION = 0.3
#: Ends of the interval that decides a pass, and of the one that decides a fail.
PASS, FAIL = ("pass_low", "pass_high"), ("fail_low", "fail_high")


@dataclass(frozen=True)
class Strip:
    """Positions in the strip's own units (0 to `WIDTH`); None where a number is missing."""

    band: tuple[float, float] | None
    null: tuple[float, float] | None
    null_median: float | None
    interval: tuple[float, float] | None
    failing: tuple[float, float] | None
    estimate: float | None
    ideal: float | None
    clipped_low: bool
    clipped_high: bool


def _numbers(headline: Mapping[str, object], *names: str) -> list[float]:
    return [float(headline[n]) for n in names if not is_missing(headline.get(n))]  # type: ignore[arg-type]


def _null(headline: Mapping[str, object]) -> Mapping[str, object]:
    null = headline.get("null")
    return null if isinstance(null, Mapping) else {}


def _window(headline: Mapping[str, object]) -> tuple[float, float] | None:
    """Values at the left and right end of the strip."""
    margins = _numbers(headline, "margin_low", "margin_high")
    points = _numbers(headline, "estimate", *PASS, *FAIL, "ideal") + _numbers(
        _null(headline), "low", "high", "median"
    )
    if len(margins) == 2 and margins[1] > margins[0]:
        centre, half = sum(margins) / 2, (margins[1] - margins[0]) / (2 * BAND_FRACTION)
        return centre - half, centre + half
    values = points + margins
    if not values:
        return None
    pad = (max(values) - min(values)) * 0.15 or 1.0
    return min(values) - pad, max(values) + pad


def _band(headline: Mapping[str, object], place: "_Scale") -> tuple[float, float] | None:
    low, high = headline.get("margin_low"), headline.get("margin_high")
    if is_missing(low) and is_missing(high):
        return None
    return (
        0.0 if is_missing(low) else place(low),
        WIDTH if is_missing(high) else place(high),
    )


@dataclass(frozen=True)
class _Scale:
    """Linear map of values to strip units, cut at both ends."""

    low: float
    high: float

    def raw(self, value: object) -> float:
        return WIDTH * (float(value) - self.low) / (self.high - self.low)  # type: ignore[arg-type]

    def __call__(self, value: object) -> float:
        return round(min(WIDTH, max(0.0, self.raw(value))), 1)

    def optional(self, value: object) -> float | None:
        return None if is_missing(value) else self(value)

    def span(self, low: object, high: object) -> tuple[float, float] | None:
        return None if is_missing(low) or is_missing(high) else (self(low), self(high))


def at_equal_n(headline: Mapping[str, object]) -> dict[str, object]:
    """Move a headline to the n of its split-half range.

    A distance depends on n even for a perfect generator, so such a headline (``against_null``) is judged by
    ``judged``, its excess over split-half reference at the same n. Estimate, interval and margin are moved
    together until the estimate is that far from the median of split-half reference, which becomes the ideal.
    Other headlines stay as they are.
    """
    median = _null(headline).get("median")
    numbers = (median, headline.get("judged"), headline.get("estimate"))
    if not headline.get("against_null") or any(is_missing(value) for value in numbers):
        return dict(headline)
    centre, matched_value, estimate = (float(value) for value in numbers)  # type: ignore[arg-type]
    shift = centre + matched_value - estimate
    changes = {
        name: float(headline[name]) + shift  # type: ignore[arg-type]
        for name in ("estimate", "ci_low", "ci_high", *PASS, *FAIL, "margin_low", "margin_high")
        if not is_missing(headline.get(name))
    }
    return dict(headline) | changes | {"ideal": centre}


def as_judged(headline: Mapping[str, object]) -> dict[str, object]:
    """Return the numbers that the verdict of a headline rests on.

    A failing map is its failing structure (the largest deviation, where that is one of them) beside its own
    margin; what depends on n is moved by `at_equal_n`. A scorecard that does not state the judged intervals
    shows its confidence interval.

    Examples
    --------
    >>> row = {"structure": "CSF", "estimate": -1.6, "margin": 0.2, "fail_low": -1.9, "fail_high": -1.3}
    >>> shown = as_judged({"estimate": 1.7, "margin_high": 0.4, "against_null": True, "failing": [row]})
    >>> shown["structure"], shown["estimate"], shown["margin_low"], shown["ideal"]
    ('CSF', -1.6, -0.2, 0.0)
    """
    row = failing_structure(headline)
    if row is not None:
        margin = float(row["margin"])  # type: ignore[arg-type]
        entry = dict(row) | {"margin_low": -margin, "margin_high": margin, "ideal": 0.0, "null": None}
    else:
        entry = at_equal_n(headline)
    for low, high in (PASS, FAIL):
        if is_missing(entry.get(low)) or is_missing(entry.get(high)):
            entry |= {low: entry.get("ci_low"), high: entry.get("ci_high")}
    return entry


def failing_structure(headline: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return the row of the structure that a headline about a map fails through; None for any other."""
    failing, worst = headline.get("failing"), headline.get("worst")
    if not isinstance(failing, list) or not failing:
        return None
    name = worst.get("structure") if isinstance(worst, Mapping) else None
    return next((row for row in failing if row["structure"] == name), failing[0])


def strip(headline: Mapping[str, object]) -> Strip | None:
    """Place everything on the strip of a headline of ``scorecard.json``.

    Parameters
    ----------
    headline : mapping
        ``estimate``, the ends of its intervals (``pass_``, ``fail_``, ``ci_``), ``margin_low``,
        ``margin_high``, ``ideal`` and ``null`` (with ``low``, ``median`` and ``high``); each may be missing.
        What is shown is what is judged (`as_judged`).

    Returns
    -------
    Strip or None
        None when the headline has no estimate.
    """
    headline = as_judged(headline)
    window = _window(headline)
    if window is None or is_missing(headline.get("estimate")):
        return None
    place, null = _Scale(*window), _null(headline)
    ends = _numbers(headline, "estimate", *PASS, *FAIL)
    return Strip(
        band=_band(headline, place),
        null=place.span(null.get("low"), null.get("high")),
        null_median=place.optional(null.get("median")),
        interval=place.span(*(headline.get(end) for end in PASS)),
        failing=place.span(*(headline.get(end) for end in FAIL)),
        estimate=place(headline["estimate"]),
        ideal=place.optional(headline.get("ideal")),
        clipped_low=min(place.raw(end) for end in ends) < 0,
        clipped_high=max(place.raw(end) for end in ends) > WIDTH,
    )
