"""Correlations between structures in both cohorts, side by side."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.formatting import fixed
from plausibrain.reports.run_folder import Run
from plausibrain.reports.structure_names import CORTEX, DEEP, FLUID, OTHER, WHOLE, group, place
from plausibrain.reports.svg import INK_2, NARROW_PX, PAPER

SHORT = {
    WHOLE: "Head, cortex,\nwhite matter",
    DEEP: "Deep grey",
    FLUID: "CSF",
    **{lobe: lobe.removesuffix(" lobe").replace(" cortex and ", ",\n") for lobe in CORTEX},
    OTHER: OTHER,
}


def select(run: Run) -> pd.DataFrame:
    """One row per pair of structures and cohort; the panels are the cohorts."""
    table = run.table("correlations")
    table = table[table.structure_a != table.structure_b]
    long = table.melt(["structure_a", "structure_b"], ["reference", "generated"], "cohort", "correlation")
    return long.dropna(subset=["correlation"])


def describe(table: pd.DataFrame) -> str:
    """Median and middle 90 % of the correlations in words."""
    low, middle, high = (fixed(q, 2) for q in table.correlation.quantile([0.05, 0.5, 0.95]))
    return (
        f"Correlations of {len(table)} pairs of structures, {table.cohort.iloc[0]}: median {middle}, "
        f"nine in ten between {low} and {high}."
    )


def square(table: pd.DataFrame) -> pd.DataFrame:
    """Symmetric matrix in anatomical order; the diagonal is missing."""
    mirror = table.rename(columns={"structure_a": "structure_b", "structure_b": "structure_a"})
    both = pd.concat([table, mirror], ignore_index=True)
    matrix = both.pivot_table(index="structure_a", columns="structure_b", values="correlation")
    order = sorted(matrix.index, key=place)
    return matrix.loc[order, order]


@figure(
    label="How structures vary together",
    question=3,
    order=2,
    select=select,
    describe=describe,
    size=lambda _: (NARROW_PX, 240.0),
    caption="Correlation over subjects of each structure with each other one. Where the two pictures differ, "
    "the generated anatomy is put together differently.",
    panel="cohort",
    layout="compressed",
)
def correlation_matrices(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the correlation matrix of one cohort.

    Parameters
    ----------
    table : DataFrame
        Columns structure_a, structure_b, cohort, correlation.
    ax : Axes
    """
    matrix = square(table)
    image = ax.imshow(
        np.ma.masked_invalid(matrix.to_numpy()), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="none"
    )
    _group_lines([group(name) for name in matrix.index], ax)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_title(table.cohort.iloc[0].capitalize())
    bar = ax.figure.colorbar(
        image, ax=ax, shrink=0.6, aspect=24, ticks=[-1, -0.5, 0, 0.5, 1], label="Correlation"
    )
    bar.outline.set_visible(False)
    bar.ax.collections[0].set_rasterized(True)
    return ax


def _group_lines(groups: list[str], ax: Axes) -> None:
    """Rule between groups and name each that has room for its name."""
    starts = [i for i, name in enumerate(groups) if i == 0 or name != groups[i - 1]]
    ends = [*starts[1:], len(groups)]
    for start in starts[1:]:
        ax.axhline(start - 0.5, color=PAPER, linewidth=1.5)
        ax.axvline(start - 0.5, color=PAPER, linewidth=1.5)
    roomy = [(s, e) for s, e in zip(starts, ends, strict=True) if e - s > 0.03 * len(groups)]
    ax.set_yticks([(s + e - 1) / 2 for s, e in roomy], [SHORT[groups[s]] for s, _ in roomy], color=INK_2)
    ax.set_xticks([])
