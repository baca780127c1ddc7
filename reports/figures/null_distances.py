"""Distances between cohorts beside the same distances between halves of the reference."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.formatting import number
from plausibrain.reports.run_folder import Run
from plausibrain.reports.svg import COHORT_COLOURS, NARROW_PX

N_BINS = 30


def select(run: Run) -> pd.DataFrame:
    """Draws of the headlines of question 8, in long form."""
    labels = {
        h["name"]: h.get("label") or h["name"]
        for q in run.questions
        if q["number"] == 8
        for h in q["headlines"]
    }
    table = run.table("null_draws")
    table = table[table.headline.isin(labels)]
    long = table.melt("headline", ["null", "matched"], "kind", "value").dropna(subset=["value"])
    order = {name: place for place, name in enumerate(labels)}
    long = long.sort_values("headline", key=lambda names: names.map(order), kind="stable")
    both = long.groupby("headline").kind.transform("nunique") == 2
    return long[both].assign(label=long.headline.map(labels))


def describe(table: pd.DataFrame) -> str:
    """Median and middle 95 % of both distributions in words."""
    words = {"null": "split-half reference", "matched": "subsampled generated cohort"}
    parts = []
    for kind, values in table.groupby("kind", sort=False).value:
        low, middle, high = (number(q) for q in values.quantile([0.025, 0.5, 0.975]))
        parts.append(f"{words[str(kind)]}: median {middle}, {low} to {high}")
    return f"{table.label.iloc[0]}, same n. {'; '.join(parts)}."


@figure(
    label="Distances: generated to reference, and within the reference",
    question=8,
    order=1,
    select=select,
    describe=describe,
    size=lambda _: (NARROW_PX, 150.0),
    caption="Grey: one half of the reference against the other, in random disjoint splits. Violet: the "
    "generated cohort against one half, at the same n. A cohort that covers the population gives the same "
    "distribution.",
    panel="headline",
    key="cohorts",
)
def null_distances(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw both distributions of one headline.

    Parameters
    ----------
    table : DataFrame
        Columns headline, label, kind (null or matched), value.
    ax : Axes
    """
    low, high = table.value.min(), table.value.max()
    edges = np.linspace(low, high if high > low else low + 1, N_BINS + 1)
    for kind, cohort in (("null", "reference"), ("matched", "generated")):
        heights, _ = np.histogram(table.value[table.kind == kind], bins=edges)
        fill = kind == "null"
        ax.stairs(
            heights,
            edges,
            fill=fill,
            color=COHORT_COLOURS[cohort],
            alpha=0.45 if fill else 1,
            linewidth=1.5,
        )
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set(title=table.label.iloc[0])
    return ax
