"""SD ratio of every structure, painted on a brain."""

import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.figures._brains import SIZE_PX, describe_brains, on_atlas, paint_brains, ratio_norm
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results

LEAST = 1.5  # a small deviation must not look large


def select(run: Run) -> pd.DataFrame:
    """Take the estimates of the structures that the shipped brain has."""
    table = select_results(run, question=3, quantities=("sd_ratio",), cohort="")
    return on_atlas(table)


@figure(
    label="SD ratios on the brain",
    question=3,
    order=0,
    select=select,
    describe=describe_brains,
    size=lambda _: SIZE_PX,
    layout=None,
    caption="Red: generated subjects vary more than those of the reference; blue: they vary less. "
    "The planes show a simulated brain, left on the left. Grey: no estimate.",
)
def brain_spread(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Paint the estimates on the brain.

    Parameters
    ----------
    table : DataFrame
        As `select` returns it.
    ax : Axes
    """
    return paint_brains(
        table, ax, norm=ratio_norm(table, least=LEAST), label="SD ratio (generated / reference)"
    )
