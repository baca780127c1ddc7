"""Difference of every measure of image quality, with its interval and what counts as close enough."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from plausibrain.reports.figure import figure
from plausibrain.reports.figures._rows import describe_rows, draw_rows, rows_size, with_axis
from plausibrain.reports.formatting import typographic
from plausibrain.reports.measure_labels import with_measure_labels
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results

#: Up to here the axis is linear; beyond, where no real image lies, it is logarithmic.
LINEAR = 1.0
TICKS = (-100, -30, -10, -3, -1, 0, 1, 3, 10, 30, 100)


def select(run: Run) -> pd.DataFrame:
    """Take the adjusted differences of all measures under their labels."""
    table = select_results(run, question=7, quantities=("quality_d",), cohort="difference")
    if table.empty:
        return table
    return with_axis(with_measure_labels(run, table).assign(group="Image quality"), ideal=0.0)


@figure(
    label="Image quality",
    question=7,
    order=1,
    select=select,
    describe=describe_rows,
    size=rows_size,
    caption="Generated minus reference, adjusted for age and sex, in standard deviations of real images; the "
    "axis is logarithmic beyond 1. Better than the reference is as wrong as worse. The band is the "
    "equivalence margin: a measure passes when its thick line (90 % interval) lies inside the band, and "
    "fails when its mark lies outside the band and its thin line (corrected for the number of measures) "
    "excludes zero.",
    panel="group",
    key="verdicts",
    layout=None,
)
def quality_forest(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the differences of all measures.

    Parameters
    ----------
    table : DataFrame
        One row per measure, columns of ``results.tsv``.
    ax : Axes
    """
    ax.set_xscale("symlog", linthresh=LINEAR)
    draw_rows(table, ax, ideal=0.0, label="Difference (SD of the reference)")
    low, high = table.axis_low.iloc[0], table.axis_high.iloc[0]
    ax.set_xticks([tick for tick in TICKS if low <= tick <= high])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: typographic(f"{value:g}")))
    ax.xaxis.set_minor_locator(NullLocator())
    return ax
