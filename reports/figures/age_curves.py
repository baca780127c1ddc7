"""Expected volume over age, women and men, in both cohorts."""

import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.formatting import number
from plausibrain.reports.run_folder import Run
from plausibrain.reports.structure_names import sort_by_structure, structure_label
from plausibrain.reports.svg import COHORT_COLOURS

#: Shown first where the run has them: one of each kind of tissue, on the left where there are two.
FIRST = (
    "Left-Cerebral-Cortex", "Left-Cerebral-White-Matter", "Left-Lateral-Ventricle", "Left-Hippocampus",
    "Left-Amygdala", "Left-Thalamus", "Left-Putamen", "3rd-Ventricle", "Left-Cerebellum-Cortex",
)  # fmt: skip
MAX_PANELS = 9
LINES = {"F": "solid", "M": (0, (4, 2)), "all": "solid"}
NAMES = {"F": "women", "M": "men", "all": "all"}


def select(run: Run) -> pd.DataFrame:
    """Age curves of at most `MAX_PANELS` structures, well-known ones first."""
    table = run.table("curves").dropna(subset=["age", "estimate"])
    if table.empty:
        return table
    present = list(dict.fromkeys(table.structure))
    kept = sorted(present, key=lambda name: name not in FIRST)[:MAX_PANELS]
    return sort_by_structure(table[table.structure.isin(kept)])


def describe(table: pd.DataFrame) -> str:
    """Volume at the youngest and oldest age of each curve in words."""
    parts = []
    for (cohort, sex), rows in table.groupby(["cohort", "sex"], sort=False):
        ordered = rows.sort_values("age")
        first, last = ordered.iloc[0], ordered.iloc[-1]
        parts.append(
            f"{cohort}, {NAMES.get(str(sex), sex)}: {number(first.estimate, 'mm3')} mL at "
            f"{number(first.age)} years, {number(last.estimate, 'mm3')} mL at {number(last.age)}"
        )
    return f"{structure_label(table.structure.iloc[0])}, {'; '.join(parts)}."


@figure(
    label="Volume over age",
    question=4,
    order=1,
    select=select,
    describe=describe,
    size=lambda _: (340.0, 225.0),
    caption="Expected volume with its interval. Solid: women; dashed: men. Curves end where a cohort has no "
    "subjects.",
    panel="structure",
    key="cohorts",
)
def age_curves(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the age curves of one structure.

    Parameters
    ----------
    table : DataFrame
        Columns of ``curves.tsv``.
    ax : Axes
    """
    for (cohort, sex), rows in table.sort_values("age").groupby(["cohort", "sex"]):
        colour = COHORT_COLOURS.get(str(cohort), COHORT_COLOURS["reference"])
        ax.fill_between(
            rows.age, rows.ci_low / 1000, rows.ci_high / 1000, color=colour, alpha=0.15, linewidth=0
        )
        ax.plot(rows.age, rows.estimate / 1000, color=colour, linestyle=LINES.get(str(sex), "dotted"))
    ax.locator_params(nbins=5)
    ax.set(title=structure_label(table.structure.iloc[0]), xlabel="Age (years)", ylabel="mL")
    return ax
