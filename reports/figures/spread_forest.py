"""Ratio of standard deviations of every structure."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator, ScalarFormatter

from plausibrain.reports.figure import figure
from plausibrain.reports.figures._rows import describe_rows, draw_rows, rows_size, with_axis
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results
from plausibrain.reports.structure_names import group, sort_by_structure

TICKS = (0.25, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)


def select(run: Run) -> pd.DataFrame:
    """Ratios of standard deviations of all structures, with their group."""
    table = select_results(run, question=3, quantities=("sd_ratio",))
    table = table[(table.estimate > 0) & ~(table.ci_low <= 0)]
    if table.empty:
        return table
    return _logarithmic_axis(
        with_axis(sort_by_structure(table.assign(group=table.structure.map(group))), ideal=1.0)
    )


def _logarithmic_axis(table: pd.DataFrame) -> pd.DataFrame:
    ends = table[["estimate", "ci_low", "margin_low", "fail_low"]].to_numpy(dtype=float)
    # An interval of few subjects may end below zero, where a ratio scale has no place.
    return table.assign(axis_low=min(float(ends[ends > 0].min()), 1.0) / 1.05)


@figure(
    label="SD ratio of each structure",
    question=3,
    order=1,
    select=select,
    describe=describe_rows,
    size=rows_size,
    caption="Standard deviation in the generated cohort divided by that in the reference, on a ratio scale. "
    "Below 1, generated subjects vary less than those of the reference. The band is the equivalence margin: "
    "a structure passes when its thick line (90 % interval) lies inside the band, and fails when its mark "
    "lies outside the band and its thin line (interval corrected for the number of structures) excludes the "
    "dashed line.",
    panel="group",
    key="verdicts",
    layout=None,
)
def spread_forest(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the ratios of one group of structures.

    Parameters
    ----------
    table : DataFrame
        One row per structure, columns of ``results.tsv``.
    ax : Axes
    """
    ax.set_xscale("log")
    draw_rows(table, ax, ideal=1.0, label="SD generated / SD reference")
    low, high = table.axis_low.iloc[0], table.axis_high.iloc[0]
    ax.set_xticks([tick for tick in TICKS if low <= tick <= high])
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
    return ax
