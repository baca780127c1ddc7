"""Age effects of all structures, generated against reference."""

import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.figures._maps import MAP_SIZE_PX, describe_map, draw_map, select_map
from plausibrain.reports.run_folder import Run


def select(run: Run) -> pd.DataFrame:
    """Age slopes of both cohorts, one row per structure."""
    return select_map(
        run, question=4, quantities=("age_beta", "age_slope"), lines={"age_beta": "age_deming_slope"}
    )


@figure(
    label="Ageing slopes: generated against reference",
    question=4,
    order=2,
    select=select,
    describe=describe_map,
    size=lambda _: MAP_SIZE_PX,
    caption="One mark per structure, with intervals. On the dotted line both cohorts age alike; the solid "
    "line, where shown, is the agreement found, allowing for error in both (Deming). Names mark the largest "
    "disagreements.",
)
def age_map(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the agreement of the two maps of age effects.

    Parameters
    ----------
    table : DataFrame
        As `plausibrain.reports.figures._maps.select_map` returns it.
    ax : Axes
    """
    return draw_map(table, ax, effect="Change with age")
