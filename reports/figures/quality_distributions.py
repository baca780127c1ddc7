"""The measures of image quality that differ most, image by image in both cohorts."""

import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.figures._distributions import describe_distributions, draw_distributions
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results
from plausibrain.reports.svg import NARROW_PX

N_SHOWN = 6


def select(run: Run) -> pd.DataFrame:
    """Take one row per image and measure, for the measures with the largest differences."""
    differences = select_results(run, question=7, quantities=("quality_d",), cohort="difference")
    values, names = run.table("measures"), run.table("measure_names")
    if differences.empty or values.empty or names.empty:
        return pd.DataFrame(columns=["measure", "unit", "cohort", "value"])
    order = differences.assign(size=differences.estimate.abs()).sort_values(
        "size", ascending=False, kind="stable"
    )
    catalogue = names.set_index("name")
    parts = [
        _of(values, catalogue.loc[name]) for name in order.structure.head(N_SHOWN) if name in catalogue.index
    ]
    return pd.concat(parts, ignore_index=True)


def _of(values: pd.DataFrame, measure: pd.Series) -> pd.DataFrame:
    rows = values[(values.metric == measure.metric) & (values.structure == measure.structure)]
    return rows[["cohort", "value"]].dropna(subset=["value"]).assign(measure=measure.label, unit=measure.unit)


def describe(table: pd.DataFrame) -> str:
    """Median and middle 90 % of both cohorts in words."""
    name, unit = table.measure.iloc[0], table.unit.iloc[0]
    return describe_distributions(table, "value", name=name, unit=unit)


@figure(
    label="Measures that differ most",
    question=7,
    order=2,
    select=select,
    describe=describe,
    size=lambda _: (NARROW_PX, 150.0),
    caption="As measured, not adjusted for age or sex. The bar below each pair of distributions marks the "
    "middle half, its notch the median, the thin line the middle 90 %.",
    panel="measure",
    key="cohorts",
)
def quality_distributions(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the distribution of one measure in both cohorts.

    Parameters
    ----------
    table : DataFrame
        Columns measure, unit, cohort, value.
    ax : Axes
    """
    draw_distributions(table, "value", ax)
    ax.set(title=table.measure.iloc[0], xlabel=table.unit.iloc[0])
    return ax
