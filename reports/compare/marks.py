"""Positions of the marks on the comparison page: headlines in margins, structures before and after."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from plausibrain.reports.baseline_snapshot import Headline
from plausibrain.reports.compare.results import Line
from plausibrain.reports.formatting import estimate, number

_COLOURS = ("--reference", "--generated", "--link", "--inconclusive")
_SHAPES = ("circle", "diamond", "square", "triangle", "bar")
#: Colour and shape of each run: twenty that differ, the first four in both; the first run is the quiet one.
MARKS = tuple((_COLOURS[place % 4], _SHAPES[place % 5]) for place in range(20))
PLOT_WIDTH = 460.0
SPAN = 3.0  # margins shown on either side of the ideal; what lies beyond ends in an arrow
ROW_STEP = 15.0  # between the runs of a headline
ROW_PAD = 11.0
D_SPAN = 1.0  # standard deviations shown on either side of zero
D_WIDTH = 240.0


@dataclass(frozen=True)
class Mark:
    """One run on the scale of one headline; positions in the drawing's own units, ``arrow`` −1, 0 or 1."""

    y: float
    x: float
    low: float
    high: float
    arrow: int
    place: int
    text: str


@dataclass(frozen=True)
class ScaleRow:
    """One headline in units of its margin, or the reason why it has no place there."""

    label: str
    height: float
    marks: tuple[Mark, ...]


def scale_rows(lines: Sequence[Line]) -> list[ScaleRow]:
    """Place every headline that has a margin on one common scale.

    Parameters
    ----------
    lines : sequence of Line
        Headlines over all runs.

    Returns
    -------
    list of ScaleRow
        0 is the ideal and ±1 the ends of the margin, on either side by its own width.
    """
    return [_scale_row(line) for line in lines if any(_usable(h) for h in line.headlines)]


def _usable(headline: Headline | None) -> bool:
    return headline is not None and headline.usable and math.isfinite(headline.in_margins(headline.estimate))


def _scale_row(line: Line) -> ScaleRow:
    marks = [
        _mark(headline, place)
        for place, headline in enumerate(line.headlines)
        if headline is not None and _usable(headline)
    ]
    return ScaleRow(line.headline.title, 2 * ROW_PAD + ROW_STEP * (len(line.headlines) - 1), tuple(marks))


def _mark(headline: Headline, place: int) -> Mark:
    x, low, high = (
        headline.in_margins(value) for value in (headline.estimate, headline.ci_low, headline.ci_high)
    )
    arrow = -1 if x < -SPAN else 1 if x > SPAN else 0
    text = estimate(headline.estimate, headline.ci_low, headline.ci_high, headline.unit)
    low, high = (x if math.isnan(end) else end for end in (low, high))
    return Mark(ROW_PAD + ROW_STEP * place, _across(x), _across(low), _across(high), arrow, place, text)


def _across(margins: float) -> float:
    return round((min(SPAN, max(-SPAN, margins)) + SPAN) / (2 * SPAN) * PLOT_WIDTH, 1)


def dumbbells(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Place the two values of each structure on a common scale of standard deviations.

    Parameters
    ----------
    table : DataFrame
        Rows of :func:`plausibrain.reports.compare.structures.moved_structures` with a ``label``.

    Returns
    -------
    list of dict
        The columns, with ``x_first`` and ``x_second`` in the drawing's own units and ``text`` in words.
    """
    rows: list[dict[str, Any]] = []
    for record in table.to_dict("records"):
        row = {str(key): value for key, value in record.items()}
        row["x_first"], row["x_second"] = _across_d(row["d_first"]), _across_d(row["d_second"])
        row["text"] = f"{row['label']}: {number(row['d_first'])} to {number(row['d_second'])} SD"
        rows.append(row)
    return rows


def _across_d(d: float) -> float:
    return round((min(D_SPAN, max(-D_SPAN, d)) + D_SPAN) / (2 * D_SPAN) * D_WIDTH, 1)
