"""Expected volume over age, women and men, in both cohorts."""

import pandas as pd
from matplotlib.axes import Axes

from plausibrain.reports.figure import figure
from plausibrain.reports.formatting import number
from plausibrain.reports.run_folder import Run
from plausibrain.reports.structure_names import sort_by_structure, structure_label
from plausibrain.reports.svg import COHORT_COLOURS, NARROW_PX

#: Shown first where the run has them: one of each kind of tissue, on the left where there are two.
FIRST = (
    "Left-Cerebral-Cortex", "Left-Cerebral-White-Matter", "Left-Lateral-Ventricle", "Left-Hippocampus",
    "Left-Amygdala", "Left-Thalamus", "Left-Putamen", "3rd-Ventricle", "Left-Cerebellum-Cortex",
)  # fmt: skip
MAX_PANELS = 9
MAX_POINTS = 150
LINES = {"F": "solid", "M": (0, (4, 2)), "all": "solid"}
NAMES = {"F": "women", "M": "men", "all": "all"}


def select(run: Run) -> pd.DataFrame:
    """Age curves of at most `MAX_PANELS` structures, well-known ones first."""
    table = run.table("curves").dropna(subset=["age", "estimate"])
    if table.empty:
        return table
    present = list(dict.fromkeys(table.structure))
    names = sorted(present, key=lambda name: name not in FIRST)[:MAX_PANELS]
    both = pd.concat([table[table.structure.isin(names)], _subjects(run, names)], ignore_index=True)
    return sort_by_structure(both)


def _subjects(run: Run, structures: list[str]) -> pd.DataFrame:
    """Volumes (mm3) of single subjects beside their ages, at most `MAX_POINTS` of a cohort, evenly chosen."""
    volumes, subjects = run.table("volumes"), run.table("subjects")
    structures = [name for name in structures if name in volumes]
    if not structures or subjects.empty:
        return pd.DataFrame(columns=["structure", "cohort", "age", "volume"])
    ages = subjects[["cohort", "participant_id", "age", "status"]]
    rows = volumes.merge(ages, on=["cohort", "participant_id"])
    rows = rows[(rows.status == "ok") & rows.age.notna()]
    parts = [part.iloc[:: len(part) // MAX_POINTS + 1] for _, part in rows.groupby("cohort", sort=False)]
    wide = pd.concat(parts) if parts else rows
    return wide.melt(["cohort", "age"], structures, "structure", "volume").dropna(subset=["volume"])


def describe(table: pd.DataFrame) -> str:
    """Volume at the youngest and oldest age of each curve in words."""
    parts = []
    for (cohort, sex), rows in table[table.estimate.notna()].groupby(["cohort", "sex"], sort=False):
        by_age = rows.sort_values("age")
        first, last = by_age.iloc[0], by_age.iloc[-1]
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
    size=lambda _: (NARROW_PX, 225.0),
    caption="Expected volume at the mean head size with its interval. Solid: women; dashed: men. Curves end "
    "where a cohort has no subjects. Dots: single subjects (at most 150 of a cohort), not adjusted.",
    panel="structure",
    key="cohorts",
)
def age_curves(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the age curves of one structure.

    Parameters
    ----------
    table : DataFrame
        Columns of ``curves.tsv``, and rows of single subjects with ``age`` and ``volume``.
    ax : Axes
    """
    for name, rows in table[table.estimate.isna()].groupby("cohort"):
        colour = COHORT_COLOURS.get(str(name), COHORT_COLOURS["reference"])
        ax.scatter(rows.age, rows.volume / 1000, s=4, color=colour, alpha=0.3, linewidths=0)
    curves = table[table.estimate.notna()].sort_values("age")
    for (cohort, sex), rows in curves.groupby(["cohort", "sex"]):
        colour = COHORT_COLOURS.get(str(cohort), COHORT_COLOURS["reference"])
        ax.fill_between(
            rows.age, rows.ci_low / 1000, rows.ci_high / 1000, color=colour, alpha=0.15, linewidth=0
        )
        ax.plot(rows.age, rows.estimate / 1000, color=colour, linestyle=LINES.get(str(sex), "dotted"))
    ax.locator_params(nbins=5)
    ax.set(title=structure_label(table.structure.iloc[0]), xlabel="Age (years)", ylabel="mL")
    return ax
