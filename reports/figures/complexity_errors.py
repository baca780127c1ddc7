"""Sizes of errors against how folded the cortex is, parcel by parcel."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.complexity import MEASURE_LABELS, errors_of_parcels
from plausibrain.reports.figure import figure
from plausibrain.reports.formatting import fixed
from plausibrain.reports.questions import COMPLEXITY
from plausibrain.reports.run_folder import Run
from plausibrain.reports.structure_names import side, structure_label
from plausibrain.reports.svg import GENERATED, INK_3, NARROW_PX, tip

#: Triangles point to the side they mean, as in the other figures.
MARKERS = {"left": "<", "right": ">"}
TITLES = {"adjusted_d": "Volumes", "group_by_age": "Age effects", "group_by_sex": "Sex effects"}


def select(run: Run) -> pd.DataFrame:
    """Take complexity and size of error of every parcel, one panel per measure and error."""
    associations = run.table("complexity")
    associations = associations[associations.rho.notna()]
    errors = errors_of_parcels(run)
    if associations.empty or errors.empty:
        return pd.DataFrame()
    parts = []
    for _, row in associations.iterrows():
        points = errors[["structure"]].assign(
            complexity=errors[row.measure], error=errors[row.error], measure=row.measure, label=row.label,
            title=TITLES[row.error], rho=row.rho, panel=f"{row.measure} {row.error}",
        )  # fmt: skip
        parts.append(points.dropna(subset=["complexity", "error"]))
    return pd.concat(parts, ignore_index=True)


def describe(table: pd.DataFrame) -> str:
    """Say what is plotted, the correlation, and the parcel with the largest error."""
    first = table.iloc[0]
    worst = table.iloc[int(table.error.argmax())]
    return (
        f"{len(table)} parcels: {first.label} against {MEASURE_LABELS[first.measure].lower()}, "
        f"rank correlation {fixed(first.rho, 2, signed=True)}. "
        f"Largest: {structure_label(worst.structure)}, {fixed(worst.error, 2)}."
    )


@figure(
    label="Errors and complexity of the cortex",
    question=COMPLEXITY,
    order=0,
    select=select,
    describe=describe,
    size=lambda _: (NARROW_PX, 250.0),
    caption="One triangle per parcel, pointing to its hemisphere. Sizes of errors are generated minus "
    "reference without sign, in standard deviations (for ageing, per decade). The line joins medians of four "
    "equally large groups of parcels.",
    panel="panel",
)
def complexity_errors(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Plot size of error against complexity for one pair of them.

    Parameters
    ----------
    table : DataFrame
        As `select` returns it.
    ax : Axes
    """
    sides = table.structure.map(side)
    for hand, marker in MARKERS.items():
        rows = table[sides == hand]
        points = ax.scatter(
            rows.complexity, rows.error, s=16, marker=marker, color=GENERATED, alpha=0.55, linewidths=0
        )
        tip(points, [f"{structure_label(r.structure)}: {fixed(r.error, 2)}" for r in rows.itertuples()])
    groups = pd.qcut(table.complexity.rank(method="first"), min(4, len(table)))
    middle = table.groupby(groups, observed=True)[["complexity", "error"]].median()
    ax.plot(middle.complexity, middle.error, color=INK_3, linewidth=1.4)
    ax.set_ylim(0, float(np.nanmax(table.error)) * 1.08 or 1.0)
    ax.locator_params(nbins=5)
    first = table.iloc[0]
    ax.set(
        title=f"{first.title}, ρ = {fixed(first.rho, 2, signed=True)}",
        xlabel=MEASURE_LABELS[first.measure], ylabel="Size of error",
    )  # fmt: skip
    return ax
