"""Sex differences of all structures, generated against reference."""

import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.figures._maps import MAP_SIZE_PX, describe_map, draw_map, select_map
from plausibrain.reports.run_folder import Run


def select(run: Run) -> pd.DataFrame:
    """Sex differences of both cohorts, one row per structure."""
    return select_map(run, question=5, quantities=("sex_d_adjusted", "sex_d"))


@figure(
    label="Sex differences: generated against reference",
    question=5,
    order=1,
    select=select,
    describe=describe_map,
    size=lambda _: MAP_SIZE_PX,
    caption="One mark per structure, with intervals; positive means larger in men. On the dotted line both "
    "cohorts agree. Names mark the largest disagreements.",
)
def sex_map(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the agreement of the two maps of sex differences.

    Parameters
    ----------
    table : DataFrame
        As `plausibrain.reports.figures._maps.select_map` returns it.
    ax : Axes
    """
    return draw_map(table, ax, effect="Men minus women")
