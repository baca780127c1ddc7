"""Differences of cortical parcels by lobe and hemisphere, painted on a brain."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from plausibrain.reports.figure import figure
from plausibrain.reports.figures._brains import COLOURS, SIZE_PX, difference_norm, lobes, paint_brains
from plausibrain.reports.formatting import fixed, percent
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import usable

SHARES = "Greens"
LEAST = 0.5  # a small deviation must not look large
LABELS = {
    "lobe_difference": "Mean difference of the parcels (SD)",
    "lobe_share_small": "Share of parcels with |d| < 0.2",
}


def select(run: Run) -> pd.DataFrame:
    """Take the mean difference, and the share of small differences, of every lobe and hemisphere."""
    table = usable(run.table("results"))
    table = table[table.quantity.isin(LABELS) & table.stratum.isin(lobes()) & (table.cohort == "difference")]
    table = table.assign(index=table.stratum.map(lobes()))
    return table.sort_values("quantity", kind="stable")


def describe(table: pd.DataFrame) -> str:
    """Name the lobes with the lowest and the highest number in words."""
    share = table.quantity.iloc[0] == "lobe_share_small"
    ranking = table.sort_values("estimate", kind="stable")
    ends = pd.concat([ranking.head(2), ranking.tail(2)]).drop_duplicates("stratum")
    words = (
        f"{row.stratum} {percent(row.estimate) if share else fixed(row.estimate, 2, signed=True) + ' SD'}"
        for row in ends.itertuples()
    )
    return f"{LABELS[table.quantity.iloc[0]]}, {len(table)} lobes painted on a brain. {'; '.join(words)}."


@figure(
    label="Cortical parcels by lobe and hemisphere",
    question=2,
    order=1,
    select=select,
    describe=describe,
    size=lambda _: SIZE_PX,
    layout=None,
    caption="First panel: red, parcels of the lobe are larger in the generated cohort; blue, smaller. Second "
    "panel: the share of parcels with a small difference; halves of the reference stand in the table. The "
    "planes show a simulated brain, axial with left on the left, and each hemisphere from its side. Grey: no "
    "estimate.",
    panel="quantity",
)
def brain_lobes(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Paint one number per lobe and hemisphere on the brain.

    Parameters
    ----------
    table : DataFrame
        As `select` returns it, of one quantity.
    ax : Axes
    """
    quantity = str(table.quantity.iloc[0])
    share = quantity == "lobe_share_small"
    norm = Normalize(0.0, 1.0) if share else difference_norm(table, least=LEAST)
    colours = SHARES if share else COLOURS
    return paint_brains(table, ax, norm=norm, label=LABELS[quantity], by_lobe=True, colours=colours)
