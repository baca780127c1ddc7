"""Volumes of a few well-known structures in both cohorts."""

import pandas as pd
from matplotlib.axes import Axes

from plausibrain.cohorts.structures import TIV, homologue
from plausibrain.reports.figure import figure
from plausibrain.reports.figures._distributions import describe_distributions, draw_distributions
from plausibrain.reports.run_folder import Run
from plausibrain.reports.structure_names import region_label, side
from plausibrain.reports.svg import NARROW_PX, thousands

#: Shown where the run has them, both sides added up; one of each kind of tissue.
SHOWN = (
    TIV, "Left-Cerebral-Cortex", "Left-Cerebral-White-Matter", "Left-Lateral-Ventricle", "Left-Hippocampus",
    "Left-Thalamus", "Left-Putamen", "Brain-Stem",
)  # fmt: skip


def select(run: Run) -> pd.DataFrame:
    """Volumes in mL, one row per subject and structure."""
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
    return describe_distributions(table, "volume_ml", name=table.structure.iloc[0], unit="mL")


@figure(
    label="Volumes in both cohorts",
    question=2,
    order=2,
    select=select,
    describe=describe,
    size=lambda _: (NARROW_PX, 150.0),
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
    thousands(ax.xaxis, draw_distributions(table, "volume_ml", ax))
    ax.set(title=table.structure.iloc[0], xlabel="mL")
    return ax
