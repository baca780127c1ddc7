"""Effect size of every structure, painted on a brain."""

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

LEAST = 0.5  # a small deviation must not look large


def select(run: Run) -> pd.DataFrame:
    """Take the estimates of the structures that the shipped brain has."""
    return on_atlas(
        select_results(run, question=2, quantities=("adjusted_d", "hedges_g"), cohort="difference")
    )


@figure(
    label="Effect sizes on the brain",
    question=2,
    order=0,
    select=select,
    describe=describe_brains,
    size=lambda _: SIZE_PX,
    layout=None,
    caption="Red: larger in the generated cohort; blue: smaller. "
    "The planes show a simulated brain, left on the left. Grey: no estimate.",
)
def brain_sizes(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Paint the estimates on the brain.

    Parameters
    ----------
    table : DataFrame
        As `select` returns it.
    ax : Axes
    """
    return paint_brains(
        table, ax, norm=difference_norm(table, least=LEAST), label="Generated minus reference (SD)"
    )
