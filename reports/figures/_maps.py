"""Effects of both cohorts against each other, one point per structure: drawing shared by the map figures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from plausibrain.cohorts.structures import TIV
from plausibrain.reports.formatting import fixed, number, shown_unit
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import select_results, usable
from plausibrain.reports.structure_names import (
    CORTEX,
    DEEP,
    FLUID,
    OTHER,
    WHOLE,
    group,
    region_label,
    sort_by_structure,
    structure_label,
)
from plausibrain.reports.svg import GENERATED, INK_2, INK_3, NARROW_PX, RULE_STRONG, tip

SHAPES = {WHOLE: "s", DEEP: "o", FLUID: "v", **dict(zip(CORTEX, "D^Pp*", strict=True)), OTHER: "x"}
N_NAMED = 3
#: Rough width of the drawing area and of a letter, to keep names inside.
AXIS_PX, LETTER_PX = 250, 6.5
MAP_SIZE_PX = (NARROW_PX, 420.0)


def select_map(
    run: Run, *, question: int, quantities: tuple[str, ...], lines: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """One row per structure: effect and interval in the reference and in the generated cohort.

    Parameters
    ----------
    run : Run
    question : int
    quantities : tuple of str
        In order of preference.
    lines : mapping of str to str, optional
        Quantity that holds the slope of agreement of each drawn quantity, where the run computed it on the
        same numbers; column ``slope`` is missing without it.
    """
    table = select_results(run, question=question, quantities=quantities)
    # Head size is not adjusted for itself, so it would stand among numbers of another kind.
    table = table[table.structure != TIV]
    sides = [
        table[table.cohort == cohort]
        .set_index("structure")[["estimate", "ci_low", "ci_high"]]
        .add_prefix(f"{cohort}_")
        for cohort in ("reference", "generated")
    ]
    rows = sides[0].join(sides[1], how="inner").reset_index()
    if rows.empty:
        return rows
    slope = _slope(run, table, (lines or {}).get(table.quantity.iloc[0], ""))
    return sort_by_structure(
        rows.assign(group=rows.structure.map(group), unit=table.unit.iloc[0], slope=slope)
    )


def _slope(run: Run, rows: pd.DataFrame, quantity: str) -> float:
    table = usable(run.table("results"))
    matches = table[
        (table.quantity == quantity)
        & (table.stratum == "all")
        & (table.headsize == rows.headsize.iloc[0])
        & (table.cohort == "difference")
    ]
    return float(matches.estimate.iloc[0]) if len(matches) else float("nan")


def describe_map(table: pd.DataFrame) -> str:
    """Agreement of the two maps in words."""
    same = float((np.sign(table.reference_estimate) == np.sign(table.generated_estimate)).mean())
    r = table.reference_estimate.corr(table.generated_estimate) if len(table) > 2 else float("nan")
    line = "" if np.isnan(table.slope.iloc[0]) else f", slope of the line {fixed(table.slope.iloc[0], 2)}"
    far = _farthest(table)
    return (
        f"{len(table)} structures: {number(100 * same)} % have the same sign in both cohorts, correlation "
        f"{fixed(r, 2)}{line}. Farthest from agreement: {structure_label(far.structure.iloc[0])}."
    )


def _farthest(table: pd.DataFrame) -> pd.DataFrame:
    gap = (table.generated_estimate - table.reference_estimate).abs()
    return table.loc[gap.sort_values(ascending=False, kind="stable").index]


def draw_map(table: pd.DataFrame, ax: Axes, *, effect: str) -> Axes:
    """Draw the effect in the generated cohort against that in the reference.

    Parameters
    ----------
    table : DataFrame
        As `select_map` returns it.
    ax : Axes
    effect : str
        What the axes show, without unit.
    """
    low, high = _limits(table)
    ax.plot([low, high], [low, high], color=INK_3, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    _line(table, low, high, ax)
    _crosses(table, ax)
    for name, rows in table.groupby("group", sort=False):
        marks = ax.scatter(
            rows.reference_estimate, rows.generated_estimate, marker=SHAPES[str(name)], s=30,
            color=GENERATED, zorder=3, linewidths=0.8, label=str(name),
        )  # fmt: skip
        tip(marks, list(rows.apply(_point_text, axis=1)))
    _name_farthest(table, ax)
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    unit = shown_unit(table.unit.iloc[0])
    ax.set(xlabel=f"Reference ({unit})", ylabel=f"Generated ({unit})")
    ax.set_title(effect)
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.45, -0.2), handletextpad=0.2, borderaxespad=0, labelcolor=INK_2
    )
    return ax


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Limits that hold all estimates; intervals may run out of the picture."""
    values = table[["reference_estimate", "generated_estimate"]].to_numpy(dtype=float)
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    pad = 0.12 * (high - low) or 1.0
    return low - pad, high + pad


def _line(table: pd.DataFrame, low: float, high: float, ax: Axes) -> None:
    """Draw the line of agreement, which passes through the centre of the points."""
    slope = table.slope.iloc[0]
    if not np.isnan(slope):
        start = table.generated_estimate.mean() - slope * table.reference_estimate.mean()
        ax.plot(
            [low, high], [start + slope * low, start + slope * high], color=GENERATED, linewidth=1.4, zorder=2
        )


def _crosses(table: pd.DataFrame, ax: Axes) -> None:
    style: dict[str, Any] = {"color": RULE_STRONG, "linewidth": 0.8, "zorder": 1.5}
    ax.hlines(table.generated_estimate, table.reference_ci_low, table.reference_ci_high, **style)
    ax.vlines(table.reference_estimate, table.generated_ci_low, table.generated_ci_high, **style)


def _point_text(row: pd.Series) -> str:
    unit = shown_unit(row.unit)
    return (
        f"{structure_label(row.structure)}: reference {number(row.reference_estimate)} {unit}, "
        f"generated {number(row.generated_estimate)} {unit}"
    )


def _name_farthest(table: pd.DataFrame, ax: Axes) -> None:
    """Name the structures farthest from agreement, one per region, on the side away from the other marks."""
    low, high = _limits(table)
    middle = float(table.reference_estimate.median())
    far = (
        _farthest(table)
        .assign(region=lambda rows: rows.structure.map(region_label))
        .drop_duplicates("region")
    )
    for _, row in far.head(N_NAMED).iterrows():
        x, y = float(row.reference_estimate), float(row.generated_estimate)
        room = (x - low) / (high - low) * AXIS_PX
        right = x >= middle or room < LETTER_PX * len(row.region)
        ax.annotate(
            row.region, (x, y), xytext=(7 if right else -7, 5), textcoords="offset points",
            ha="left" if right else "right", fontsize=11, color=INK_2,
        )  # fmt: skip
