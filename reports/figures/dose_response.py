"""What was requested of the generator, and what was measured in its images."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.formatting import SHOWN_UNITS, fixed, number, shown_unit
from plausibrain.reports.run_folder import Run
from plausibrain.reports.svg import GENERATED, INK_3, NARROW_PX, thousands

#: More points than this are drawn as a sample, because the page must stay small.
MAX_POINTS = 800
N_BINS = 8
MAX_LEVELS = 15


def select(run: Run) -> pd.DataFrame:
    """Take requested and measured values in the shown unit, one panel per condition."""
    table = run.table("dose").dropna(subset=["requested", "measured"])
    factor = table.unit.map(lambda unit: SHOWN_UNITS.get(unit, (1.0, unit))[0]).astype(float)
    label = table.condition.str.replace("_", " ").str.capitalize()
    return table.assign(requested=table.requested * factor, measured=table.measured * factor, label=label)


def describe(table: pd.DataFrame) -> str:
    """Range of requests and of answers, and their correlation, in words."""
    unit, r = (
        shown_unit(table.unit.iloc[0]),
        table.requested.corr(table.measured) if len(table) > 2 else np.nan,
    )
    requested, measured = (
        f"{number(table[column].min())} to {number(table[column].max())} {unit}"
        for column in ("requested", "measured")
    )
    return (
        f"{table.label.iloc[0]}: requested {requested}, measured {measured} in {len(table)} images, "
        f"correlation {fixed(r, 2)}."
    )


@figure(
    label="Requested and measured",
    question=6,
    order=1,
    select=select,
    describe=describe,
    size=lambda _: (NARROW_PX, 310.0),
    caption="One dot per image; the dotted line is perfect conditioning; large marks are medians, with the "
    "middle half, at each request or over groups of similar requests.",
    panel="condition",
)
def dose_response(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw measured against requested for one condition.

    Parameters
    ----------
    table : DataFrame
        Columns condition, label, requested, measured, unit.
    ax : Axes
    """
    dots = table if len(table) <= MAX_POINTS else table.iloc[:: len(table) // MAX_POINTS + 1]
    ax.scatter(dots.requested, dots.measured, s=8, color=GENERATED, alpha=0.35, linewidths=0)
    ends = np.array([table.requested.min(), table.requested.max()])
    ax.plot(ends, ends, color=INK_3, linewidth=1.1, linestyle=(0, (2, 2)))
    groups = table.groupby(_requests(table.requested), observed=True)
    middle, quartiles = (
        groups.requested.median(),
        groups.measured.quantile(np.array([0.25, 0.5, 0.75])).unstack(),
    )
    ax.vlines(middle, quartiles[0.25], quartiles[0.75], color=GENERATED, linewidth=1.6)
    ax.plot(middle, quartiles[0.5], "o", color=GENERATED, markersize=6)
    ax.locator_params(nbins=5)
    thousands(ax.xaxis, float(table.requested.max()))
    thousands(ax.yaxis, float(table.measured.max()))
    unit = shown_unit(table.unit.iloc[0])
    ax.set(title=table.label.iloc[0], xlabel=f"Requested ({unit})", ylabel=f"Measured ({unit})")
    return ax


def _requests(requested: pd.Series) -> pd.Series:
    """Group requests: by value where few were made, else into equally large groups."""
    if requested.nunique() <= MAX_LEVELS:
        return requested
    return pd.qcut(requested, N_BINS, duplicates="drop")
