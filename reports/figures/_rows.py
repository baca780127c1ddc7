"""Rows of structures with left and right on one line: the shared drawing of the forest figures."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.formatting import MISSING, estimate, interval, shown_unit
from plausibrain.reports.structure_names import region_label, side, structure_label
from plausibrain.reports.svg import BAND, INK_3, NARROW_PX, VERDICT_COLOURS, tip

ROW_PX, HEAD_PX, AXIS_PX = 19, 30, 46
WIDTH_PX, MARGIN_PX, LETTER_PX = NARROW_PX, 12, 6.8
#: Triangles point to the side they mean; midline structures are round.
MARKERS = {"left": "<", "right": ">", "": "o"}
#: Fill repeats the verdict for readers who do not see the colour: full, half, empty.
FILLS = {"fail": "full", "inconclusive": "left", "pass": "none", "": "none"}
_OFFSETS = {"left": -0.2, "right": 0.2, "": 0.0}


def sorted_regions(table: pd.DataFrame) -> list[str]:
    """Region labels from the lowest to the highest estimate (mean of both sides)."""
    return list(
        table.assign(region=table.structure.map(region_label))
        .groupby("region")
        .estimate.mean()
        .sort_values()
        .index
    )


def rows_size(table: pd.DataFrame) -> tuple[float, float]:
    """Width and height that give each region one line, CSS pixels."""
    return WIDTH_PX, HEAD_PX + AXIS_PX + ROW_PX * table.structure.map(region_label).nunique()


def draw_rows(table: pd.DataFrame, ax: Axes, *, ideal: float, label: str) -> Axes:
    """Draw estimate, interval and margin band of each structure, one line per region.

    Parameters
    ----------
    table : DataFrame
        Columns of ``results.tsv``, one row per structure, and those of `with_axis` and ``group``.
    ax : Axes
    ideal : float
        Where the reference line stands.
    label : str
        What the axis shows.
    """
    _same_frame(table, ax)
    regions = sorted_regions(table)
    lines = {region: line for line, region in enumerate(regions)}
    y = table.structure.map(region_label).map(lines).to_numpy(dtype=float)
    _margins(table, y, ax)
    ax.axvline(ideal, color=INK_3, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    for (verdict, hand), rows in table.assign(_y=y, _side=table.structure.map(side)).groupby(
        ["verdict", "_side"]
    ):
        _points(rows, ax, verdict=str(verdict), hand=str(hand))
    ax.set_yticks(range(len(regions)), regions)
    ax.set_ylim(-0.7, len(regions) - 0.3)
    ax.set_xlim(table.axis_low.iloc[0], table.axis_high.iloc[0])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(label)
    labels, width = table.labels_px.iloc[0], rows_size(table)[0]
    ax.set_title(table.group.iloc[0], loc="left", x=-labels / (width - labels - MARGIN_PX))
    return ax


def _same_frame(table: pd.DataFrame, ax: Axes) -> None:
    """Place the axes alike in all panels, so that values stand below each other."""
    width, height = rows_size(table)
    labels = table.labels_px.iloc[0]
    ax.set_position(
        (labels / width, AXIS_PX / height, 1 - (labels + MARGIN_PX) / width, 1 - (AXIS_PX + HEAD_PX) / height)
    )


def _margins(table: pd.DataFrame, y: np.ndarray, ax: Axes) -> None:
    """Shade what counts as close enough, one structure at a time: the margin of a noisy one is wider."""
    has_margin = (table.margin_low.notna() & table.margin_high.notna()).to_numpy()
    rows = table[has_margin]
    sides = rows.structure.map(side)
    has_side = (sides != "").to_numpy()
    centre = y[has_margin] + sides.map({"left": -0.25, "right": 0.25, "": 0.0}).to_numpy()
    width = rows.margin_high - rows.margin_low
    ax.barh(centre, width, left=rows.margin_low, height=np.where(has_side, 0.5, 1.0), color=BAND, zorder=0)


def _points(rows: pd.DataFrame, ax: Axes, *, verdict: str, hand: str) -> None:
    colour, y = VERDICT_COLOURS.get(verdict, VERDICT_COLOURS[""]), rows._y + _OFFSETS[hand]
    for ends, width in ((judged_ends(rows, "fail"), 0.8), (judged_ends(rows, "pass"), 2.4)):
        ax.hlines(y, *ends, color=colour, linewidth=width, zorder=2)
    (marks,) = ax.plot(
        rows.estimate, y, marker=MARKERS[hand], fillstyle=FILLS.get(verdict, "none"),
        markerfacecoloralt="none", linestyle="none", markersize=6, color=colour, zorder=3,
    )  # fmt: skip
    tip(marks, list(rows.apply(point_text, axis=1)))


def judged_ends(rows: pd.DataFrame, verdict: str) -> tuple[pd.Series, pd.Series]:
    """Return the ends of the interval that decides a verdict; the 95 % interval where nothing is judged."""
    low, high = rows[f"{verdict}_low"], rows[f"{verdict}_high"]
    return low.fillna(rows.ci_low), high.fillna(rows.ci_high)


def point_text(row: pd.Series) -> str:
    """Say what one mark shows: structure, estimate, interval, verdict."""
    unit = shown_unit(row.unit)
    value = estimate(row.estimate, row.ci_low, row.ci_high, row.unit)
    span = interval(row.ci_low, row.ci_high, row.unit)
    parts = [
        f"{value} {unit}".strip(),
        f"({span})" if span != MISSING else "",
        f"– {row.verdict}" if row.verdict else "",
    ]
    return f"{structure_label(row.structure)}: {' '.join(part for part in parts if part)}"


def describe_rows(table: pd.DataFrame) -> str:
    """Say in words what a panel of rows shows."""
    ranking = table.sort_values("estimate", kind="stable")
    lowest, highest = ranking.iloc[0], ranking.iloc[-1]
    verdicts = table.verdict.value_counts()
    tally = ", ".join(
        f"{verdicts[word]} {word}"
        for word in ("pass", "inconclusive", "fail", "not judged")
        if word in verdicts
    )
    ends = f"from {point_text(lowest)} to {point_text(highest)}" if len(table) > 1 else point_text(lowest)
    return f"{table.group.iloc[0]}, {len(table)} estimates{f' ({tally})' if tally else ''}, {ends}."


def with_axis(table: pd.DataFrame, *, ideal: float) -> pd.DataFrame:
    """Add what all panels of a figure share: limits, and room for the longest label."""
    names = ["estimate", "ci_low", "ci_high", "margin_low", "margin_high", "fail_low", "fail_high"]
    ends = table[names].to_numpy(dtype=float)
    low, high = min(np.nanmin(ends), ideal), max(np.nanmax(ends), ideal)
    pad = 0.04 * (high - low)
    longest = int(table.structure.map(region_label).str.len().max())
    room = min(WIDTH_PX / 2, MARGIN_PX + LETTER_PX * longest)
    return table.assign(axis_low=low - pad, axis_high=high + pad, labels_px=room)
