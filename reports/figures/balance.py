"""How alike the two cohorts are in age, sex and site."""

import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.formatting import fixed
from plausibrain.reports.run_folder import Run
from plausibrain.reports.svg import GENERATED, GRID, INK_3, NARROW_PX, tip

#: Below this a standardised difference is commonly called balanced.
BALANCED = 0.1
ROW_PX, FRAME_PX = 22, 78


def select(run: Run) -> pd.DataFrame:
    """Variables with a standardised mean difference, in the order of the table."""
    table = run.table("balance").dropna(subset=["smd"])
    labels = table.variable.str.cat(table.level, sep=" ").str.strip()
    return table.assign(label=labels)


def describe(table: pd.DataFrame) -> str:
    """List all differences in words."""
    parts = [f"{row.label} {fixed(row.smd, 2, signed=True)} SD" for row in table.itertuples()]
    return f"Standardised mean differences, generated minus reference: {', '.join(parts)}."


@figure(
    label="Balance of the two cohorts",
    question=0,
    order=1,
    select=select,
    describe=describe,
    size=lambda table: (NARROW_PX, FRAME_PX + ROW_PX * len(table)),
    caption="Standardised mean difference; within the grey band (0.1) cohorts are commonly called balanced. "
    "Differences in age and sex are adjusted for where the methods say so.",
)
def balance(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the standardised mean difference of each variable.

    Parameters
    ----------
    table : DataFrame
        Columns label and smd.
    ax : Axes
    """
    rows = range(len(table))
    ax.axvspan(-BALANCED, BALANCED, color=GRID, linewidth=0)
    ax.axvline(0, color=INK_3, linewidth=0.9, linestyle=(0, (2, 2)))
    ax.hlines(rows, 0, table.smd, color=GENERATED, linewidth=1)
    (marks,) = ax.plot(table.smd, rows, "o", color=GENERATED, markersize=6)
    tip(marks, [f"{row.label}: {fixed(row.smd, 2, signed=True)} SD" for row in table.itertuples()])
    ax.set_yticks(rows, table.label)
    ax.set_ylim(len(table) - 0.4, -0.6)
    widest = max(0.3, float(table.smd.abs().max()) * 1.1)
    ax.set_xlim(-widest, widest)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("Generated minus reference (SD)")
    return ax
