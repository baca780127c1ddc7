"""Difference of age slopes of every structure, painted on a brain."""

import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.figures._brains import (
    SIZE_PX,
    describe_brains,
    difference_norm,
    on_atlas,
    paint_brains,
)
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results

LEAST = 0.2  # a small deviation must not look large


def select(run: Run) -> pd.DataFrame:
    """Take the estimates of the structures that the shipped brain has."""
    table = select_results(run, question=4, quantities=("age_slope",), cohort="difference")
    return on_atlas(table)


@figure(
    label="Differences of ageing on the brain",
    question=4,
    order=0,
    select=select,
    describe=describe_brains,
    size=lambda _: SIZE_PX,
    layout=None,
    caption="Red: the structure grows more, or shrinks less, with age than in the reference; "
    "blue: the opposite. The planes show a simulated brain, left on the left. Grey: no estimate.",
)
def brain_ageing(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Paint the estimates on the brain.

    Parameters
    ----------
    table : DataFrame
        As `select` returns it.
    ax : Axes
    """
    return paint_brains(
        table, ax, norm=difference_norm(table, least=LEAST), label="Difference of age slopes (% per year)"
    )
