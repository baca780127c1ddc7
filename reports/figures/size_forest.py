"""Difference of every structure, with its interval and what counts as close enough."""

import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.figures._rows import describe_rows, draw_rows, rows_size, with_axis
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results
from plausibrain.reports.structure_names import group, sort_by_structure


def select(run: Run) -> pd.DataFrame:
    """Take adjusted differences of all structures, with their group."""
    table = select_results(run, question=2, quantities=("adjusted_d", "hedges_g"), cohort="difference")
    if table.empty:
        return table
    return with_axis(sort_by_structure(table.assign(group=table.structure.map(group))), ideal=0.0)


@figure(
    label="Effect size of each structure",
    question=2,
    order=1,
    select=select,
    describe=describe_rows,
    size=rows_size,
    caption="Generated minus reference, in standard deviations of the reference, adjusted for age, sex and "
    "head size; positive: larger in the generated cohort. The band is the equivalence margin: a structure "
    "passes when its thick line (90 % interval) lies inside the band, and fails when its mark lies outside "
    "the band and its thin line (interval corrected for the number of structures) excludes the dashed line. "
    "Structures are sorted within each group.",
    panel="group",
    key="verdicts",
    layout=None,
)
def size_forest(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the differences of one group of structures.

    Parameters
    ----------
    table : DataFrame
        One row per structure, columns of ``results.tsv``.
    ax : Axes
    """
    return draw_rows(table, ax, ideal=0.0, label=f"{table.unit.iloc[0]} of the reference")
