"""Volumes of a few well-known structures in both cohorts."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cohorts.structures import TIV, homologue
from reports.figure import figure
from reports.formatting import number
from reports.run_folder import Run
from reports.structure_names import region_label, side
from reports.svg import COHORT_COLOURS, PAPER, thousands

#: Shown where the run has them, both sides added up; one of each kind of tissue.
SHOWN = (
    TIV, "Left-Cerebral-Cortex", "Left-Cerebral-White-Matter", "Left-Lateral-Ventricle", "Left-Hippocampus",
    "Left-Thalamus", "Left-Putamen", "Brain-Stem",
)  # fmt: skip
MAX_BINS = 36


def select(run: Run) -> pd.DataFrame:
    """Volumes in mL, one row per person and structure."""
    volumes = run.table("volumes")
    parts = [_both_sides(volumes, name) for name in SHOWN if name in volumes]
    table = (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["structure", "cohort", "volume_ml"])
    )
    return table.dropna(subset=["volume_ml"])


def _both_sides(volumes: pd.DataFrame, name: str) -> pd.DataFrame:
    other = homologue(name)
    both = other is not None and other in volumes
    total = volumes[name] + volumes[other] if both else volumes[name]
    label = (
        f"{region_label(name)}, both sides" if both else f"{region_label(name)}, {side(name)}".rstrip(", ")
    )
    return pd.DataFrame({"structure": label, "cohort": volumes.cohort, "volume_ml": total / 1000})


def describe(table: pd.DataFrame) -> str:
    """Median and middle 90 % of both cohorts in words."""
    parts = []
    for cohort, values in table.groupby("cohort", sort=False).volume_ml:
        low, middle, high = (number(q) for q in values.quantile([0.05, 0.5, 0.95]))
        parts.append(f"{cohort}: median {middle} mL, nine in ten between {low} and {high} mL")
    return f"{table.structure.iloc[0]}, {'; '.join(parts)}."


@figure(
    label="Volumes in both cohorts",
    question=2,
    order=2,
    select=select,
    describe=describe,
    size=lambda _: (340.0, 150.0),
    caption="Raw volumes, not adjusted for age, sex or head size. The bar below each pair of distributions "
    "marks the middle half, its notch the median, the thin line the middle 90 %.",
    panel="structure",
    key="cohorts",
)
def volume_distributions(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the distribution of one structure in both cohorts.

    Parameters
    ----------
    table : DataFrame
        Columns structure, cohort, volume_ml.
    ax : Axes
    """
    low, high = _range(table.volume_ml)
    edges = np.linspace(low, high, _n_bins(table) + 1)
    highest = 0.0
    for cohort in ("reference", "generated"):
        values = table.volume_ml[table.cohort == cohort]
        if len(values):
            highest = max(highest, _histogram(values, edges, ax, cohort))
    for row, cohort in enumerate(("reference", "generated"), start=1):
        values = table.volume_ml[table.cohort == cohort]
        if len(values):
            _summary(values, -0.1 * row * highest, COHORT_COLOURS[cohort], ax)
    ax.set_ylim(-0.28 * highest, 1.05 * highest)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    thousands(ax.xaxis, high)
    ax.set(title=table.structure.iloc[0], xlabel="mL")
    return ax


def _n_bins(table: pd.DataFrame) -> int:
    """Twice the root of the smaller cohort, so that small cohorts do not look ragged."""
    return min(MAX_BINS, max(8, round(2 * table.cohort.value_counts().min() ** 0.5)))


def _range(values: pd.Series) -> tuple[float, float]:
    """All but the most extreme 0.2 %, so that one wrong volume does not flatten the rest."""
    low, high = values.quantile([0.002, 0.998])
    pad = 0.03 * (high - low) or 1.0
    return low - pad, high + pad


def _histogram(values: pd.Series, edges: np.ndarray, ax: Axes, cohort: str) -> float:
    heights, _ = np.histogram(values, bins=edges, density=True)
    filled = cohort == "reference"
    ax.stairs(
        heights, edges, fill=filled, color=COHORT_COLOURS[cohort], alpha=0.35 if filled else 1, linewidth=1.5
    )
    return float(np.nanmax(heights, initial=0.0))


def _summary(values: pd.Series, y: float, colour: str, ax: Axes) -> None:
    q05, q25, q50, q75, q95 = values.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    ax.hlines(y, q05, q95, color=colour, linewidth=1.2)
    ax.hlines(y, q25, q75, color=colour, linewidth=5)
    ax.plot([q50], [y], marker="|", color=PAPER, markersize=6, markeredgewidth=1.6)
