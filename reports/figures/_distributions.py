"""Two distributions above their five-number summaries: the shared drawing of the distribution figures."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.formatting import number
from plausibrain.reports.svg import COHORT_COLOURS, PAPER

MAX_BINS = 36
COHORTS = ("reference", "generated")


def draw_distributions(table: pd.DataFrame, column: str, ax: Axes) -> float:
    """Draw the distribution of a column in both cohorts and return the upper end of its axis.

    Parameters
    ----------
    table : DataFrame
        Columns ``cohort`` and `column`.
    column : str
    ax : Axes
    """
    low, high = _range(table[column])
    edges = np.linspace(low, high, _n_bins(table) + 1)
    highest = 0.0
    values = {cohort: table.loc[table.cohort == cohort, column] for cohort in COHORTS}
    for cohort, sample in values.items():
        if len(sample):
            highest = max(highest, _histogram(sample, edges, ax, cohort))
    for row, (cohort, sample) in enumerate(values.items(), start=1):
        if len(sample):
            _summary(sample, -0.1 * row * highest, COHORT_COLOURS[cohort], ax)
    ax.set_ylim(-0.28 * highest, 1.05 * highest)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    return high


def describe_distributions(table: pd.DataFrame, column: str, *, name: str, unit: str) -> str:
    """Median and middle 90 % of both cohorts in words."""
    parts = []
    for cohort, values in table.groupby("cohort", sort=False)[column]:
        low, middle, high = (number(q) for q in values.quantile([0.05, 0.5, 0.95]))
        text = f"{middle} {unit}".rstrip()
        parts.append(f"{cohort}: median {text}, nine in ten between {low} and {f'{high} {unit}'.rstrip()}")
    return f"{name}, {'; '.join(parts)}."


def _n_bins(table: pd.DataFrame) -> int:
    """Twice the root of the smaller cohort, so that small cohorts do not look ragged."""
    return min(MAX_BINS, max(8, round(2 * table.cohort.value_counts().min() ** 0.5)))


def _range(values: pd.Series) -> tuple[float, float]:
    """All but the most extreme 0.2 %, so that one wrong value does not flatten the rest."""
    low, high = values.quantile([0.002, 0.998])
    pad = 0.03 * (high - low) or 1.0
    return low - pad, high + pad


def _histogram(values: pd.Series, edges: np.ndarray, ax: Axes, cohort: str) -> float:
    heights, _ = np.histogram(values, bins=edges, density=True)
    fill = cohort == "reference"
    ax.stairs(
        heights, edges, fill=fill, color=COHORT_COLOURS[cohort], alpha=0.35 if fill else 1, linewidth=1.5
    )
    return float(np.nanmax(heights, initial=0.0))


def _summary(values: pd.Series, y: float, colour: str, ax: Axes) -> None:
    q05, q25, q50, q75, q95 = values.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    ax.hlines(y, q05, q95, color=colour, linewidth=1.2)
    ax.hlines(y, q25, q75, color=colour, linewidth=5)
    ax.plot([q50], [y], marker="|", color=PAPER, markersize=6, markeredgewidth=1.6)
