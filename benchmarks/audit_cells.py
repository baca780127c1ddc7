"""False alarms of perfect generators under awkward cohorts, and power for defects of single structures.

    python -m benchmarks.audit_cells --trials 20 --seconds 600 --out docs/audit_cells.md

Every cell draws a reference and a generated cohort from the population model, both with the same trouble
(perfect generators) or the generated one with a defect. Cells take turns, so a run that is stopped by
`--seconds` has as many trials in every cell.
"""

import argparse
import datetime
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from plausibrain.analysis.analyse import judge
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject

SETTINGS = Settings(n_resamples=300, n_splits=40)
#: Headlines whose ideal is the truth of a perfect generator at any n.
KNOWN = ("size_head", "spread_head", "spread_structures", "ageing", "asymmetry", "covariation", "sex_raw")
HIPPOCAMPI = ("Left-Hippocampus", "Right-Hippocampus")
Change = Callable[[Cohort, np.random.Generator], Cohort]


@dataclass(frozen=True)
class Cell:
    """One kind of comparison.

    Attributes
    ----------
    name : str
    n : tuple of int
        Reference and generated subjects.
    question : int
        The question that must say *fail*; 0 for a perfect generator, where none must.
    ages : tuple of tuple of float
    men : tuple of float
        Share of men in each cohort.
    both, defect : callable
        Changes both cohorts; changes the generated one.
    """

    name: str
    n: tuple[int, int] = (200, 200)
    question: int = 0
    ages: tuple[tuple[float, float], tuple[float, float]] = ((18.0, 90.0), (18.0, 90.0))
    men: tuple[float, float] = (0.5, 0.5)
    both: Change = lambda cohort, rng: cohort
    defect: Change = lambda cohort, rng: cohort


def volumes_of(cohort: Cohort) -> pd.DataFrame:
    """Return the volumes of a cohort that has some."""
    if cohort.volumes is None:
        raise DataError(f"{cohort.name}: no volumes")
    return cohort.volumes


def _scaled(cohort: Cohort, factors: dict[str, np.ndarray | float]) -> Cohort:
    volumes = volumes_of(cohort).assign(**{name: volumes_of(cohort)[name] * f for name, f in factors.items()})
    return replace(cohort, volumes=volumes)


def heavy_tails(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """Multiply every volume by noise with three degrees of freedom, 5 % wide."""
    names = [c for c in map(str, volumes_of(cohort)) if c != TIV]
    noise = np.clip(0.05 * rng.standard_t(3, (len(cohort), len(names))), -0.6, 0.6)
    return _scaled(cohort, {name: 1 + noise[:, k] for k, name in enumerate(names)})


def outliers(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """Make all regional volumes of 3 % of the rows 30 % larger or smaller."""
    factor = np.where(rng.random(len(cohort)) < 0.03, rng.choice([0.7, 1.3], len(cohort)), 1.0)
    return _scaled(cohort, {name: factor for name in map(str, volumes_of(cohort)) if name != TIV})


def sites(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """Give each of four sites its own bias of every structure, 3 %; the same sites in both cohorts."""
    bias = 1 + 0.03 * np.random.default_rng(99).standard_normal((4, volumes_of(cohort).shape[1]))
    site = rng.integers(0, 4, len(cohort))
    named = replace(cohort, subjects=cohort.subjects.assign(site=[f"site {k}" for k in site]))
    return _scaled(
        named, {name: bias[site, k] for k, name in enumerate(map(str, volumes_of(cohort))) if name != TIV}
    )


def missing_cells(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """Empty 5 % of all cells."""
    return replace(cohort, volumes=volumes_of(cohort).mask(rng.random(volumes_of(cohort).shape) < 0.05))


def all_together(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """Heavy tails, outliers and sites at once."""
    return sites(outliers(heavy_tails(cohort, rng), rng), rng)


def seeds_per_row(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """Write every subject of the first third down three times, with 2 % noise."""
    rows = np.repeat(np.arange(len(cohort) // 3), 3)
    volumes = volumes_of(cohort).iloc[rows].reset_index(drop=True)
    subjects = cohort.subjects.iloc[rows].reset_index(drop=True)
    subjects["participant_id"] = [f"{p}-{k % 3}" for k, p in enumerate(subjects["participant_id"])]
    noisy = volumes * (1 + 0.02 * rng.standard_normal(volumes.shape))
    return replace(cohort, subjects=subjects, volumes=noisy)


def _hippocampi(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Change:
    def change(cohort: Cohort, rng: np.random.Generator) -> Cohort:
        age = cohort.subjects["age"].to_numpy(dtype=float)
        new = {name: function(volumes_of(cohort)[name].to_numpy(dtype=float), age) for name in HIPPOCAMPI}
        return replace(cohort, volumes=volumes_of(cohort).assign(**new))

    return change


def _growing(v: np.ndarray, age: np.ndarray) -> np.ndarray:
    slope = np.polyfit(age, v, 1)[0]
    return v - 2 * slope * (age - age.mean())


def _quarter_spread(v: np.ndarray, age: np.ndarray) -> np.ndarray:
    fitted = np.polyval(np.polyfit(age, v, 1), age)
    return fitted + 0.25 * (v - fitted)


def _swapped(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    v = volumes_of(cohort)
    names = ("Hippocampus", "Amygdala")
    new = {f"{a}-{n}": v[f"{b}-{n}"] for n in names for a, b in (("Left", "Right"), ("Right", "Left"))}
    return replace(cohort, volumes=v.assign(**new))


def _narrow_heads(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    male = (cohort.subjects["sex"] == "M").to_numpy()
    tiv = volumes_of(cohort)[TIV].to_numpy(dtype=float)
    mean = np.where(male, tiv[male].mean(), tiv[~male].mean())
    new = mean + 0.7 * (tiv - mean)
    return _scaled(cohort, dict.fromkeys(map(str, volumes_of(cohort)), new / tiv))


def _injected(name: str, severity: float) -> Change:
    return lambda cohort, rng: inject(name, cohort, severity=severity, seed=int(rng.integers(1 << 30)))


CELLS = (
    Cell("perfect generator"),
    Cell("ages 40 to 72 against 50 to 86", ages=((40.0, 72.0), (50.0, 86.0))),
    Cell("men 70 % against 25 %", men=(0.7, 0.25)),
    Cell("heavy tails", both=heavy_tails),
    Cell("outliers", both=outliers),
    Cell("sites", both=sites),
    Cell("missing cells", both=missing_cells),
    Cell("n 300 against 60", n=(300, 60)),
    Cell("three seeds per row", n=(200, 180), defect=seeds_per_row),
    Cell(
        "tails, outliers, sites, ages and sexes together", ages=((40.0, 72.0), (50.0, 86.0)),
        men=(0.7, 0.25), both=all_together,
    ),
    Cell("hippocampi 5 % smaller, n = 200", question=2, defect=_hippocampi(lambda v, age: 0.95 * v)),
    Cell("head-size spread x 0.7, n = 100", n=(100, 100), question=3, defect=_narrow_heads),
    Cell("ageing halved, n = 100", n=(100, 100), question=4, defect=_injected("flat_ageing", 0.5)),
    Cell("hippocampi grow with age", question=4, defect=_hippocampi(_growing)),
    Cell("hippocampi with a quarter of their spread", question=3, defect=_hippocampi(_quarter_spread)),
    Cell("hippocampus and amygdala swapped left to right", question=3, defect=_swapped),
)  # fmt: skip


def cohorts(cell: Cell, trial: int) -> tuple[Cohort, Cohort]:
    """Draw both cohorts of one trial."""
    made = []
    for k, name in enumerate(("reference", "generated")):
        place = CELLS.index(cell)
        rng = np.random.default_rng([trial, k, place])
        cohort = table_cohort(
            cell.n[k],
            seed=100_000 * place + 2 * trial + k,
            name=name,
            age=cell.ages[k],
            sex_balance=cell.men[k],
        )
        bare = replace(cohort, subjects=cohort.subjects.drop(columns=_requests(cohort)))
        changed = cell.both(bare, rng)
        made.append(cell.defect(changed, rng) if k else changed)
    return made[0], made[1]


def _requests(cohort: Cohort) -> list[str]:
    return [str(c) for c in cohort.subjects if str(c).startswith("requested_")]


def run_trial(cell: Cell, trial: int) -> dict[str, object]:
    """Judge one pair of cohorts: which headlines fail, and which intervals cover the ideal."""
    card = judge(*cohorts(cell, trial), SETTINGS)
    entries = [h for q in card["questions"] for h in q["headlines"] if h["status"] == "ok"]
    failed = [h["name"] for h in entries if h["verdict"] == "fail"]
    verdict = next((q["verdict"] for q in card["questions"] if q["number"] == cell.question), card["verdict"])
    covered = {h["name"]: h["ci_low"] <= h["ideal"] <= h["ci_high"] for h in entries if h["name"] in KNOWN}
    small = {h["name"]: h["estimate"] for h in entries if h["name"] == "size_within"}
    return {"cell": cell.name, "failed": failed, "fail": verdict == "fail", "covered": covered} | small


def markdown(rows: pd.DataFrame, command: str) -> str:
    """Return the page."""
    date, n = datetime.datetime.now(datetime.UTC).date(), rows.groupby("cell").size()
    lines = [
        "# Audit of awkward cohorts and single structures\n",
        f"Printed by `{command}` on {date} ({os.cpu_count()} cores), {n.min()} to {n.max()} trials in each "
        f"cell, {SETTINGS.n_resamples} resamples, {SETTINGS.n_splits} splits; 200 subjects per cohort where "
        "nothing else is said. Intervals are exact 95 % intervals: with so few trials they are wide.\n",
        "## Perfect generators: any *fail* is false\n",
        "| cohorts | false *fail* | coverage of 95 % intervals | headlines that failed |\n|---|---|---|---|",
    ]
    for cell in CELLS:
        mine = rows[rows["cell"] == cell.name]
        if cell.question or mine.empty:
            continue
        flags = [flag for covered in mine["covered"] for flag in covered.values()]
        coverage = _share(sum(flags), len(flags))
        lines.append(f"| {cell.name} | {_counted(mine)} | {coverage} | {_names(mine)} |")
    lines += ["\n## Power\n", "| defect | question | *fail* | headlines that failed |\n|---|---|---|---|"]
    for cell in CELLS:
        mine = rows[rows["cell"] == cell.name]
        if cell.question and len(mine):
            lines.append(f"| {cell.name} | {cell.question} | {_counted(mine)} | {_names(mine)} |")
    return "\n".join(lines) + "\n"


def _counted(rows: pd.DataFrame) -> str:
    return f"{int(rows['fail'].sum())} of {len(rows)}: {_share(int(rows['fail'].sum()), len(rows))}"


def _share(count: int, n: int) -> str:
    low, high = proportion_confint(count, n, method="beta")
    return f"{count / n:.0%} ({low:.0%} to {high:.0%})"


def _names(rows: pd.DataFrame) -> str:
    counts = pd.Series([name for failed in rows["failed"] for name in failed], dtype=object).value_counts()
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def main() -> None:
    """Run cells in turn until the trials or the seconds are used up, then print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1e9, help="processor seconds")
    parser.add_argument("--out", type=Path, default=Path("docs/audit_cells.md"))
    given = parser.parse_args()
    rows: list[dict[str, object]] = []
    for trial in range(given.trials):
        if time.process_time() > given.seconds:
            break
        rows += [run_trial(cell, trial) for cell in CELLS]
        command = f"python -m benchmarks.audit_cells --trials {given.trials} --seconds {given.seconds:g}"
        given.out.write_text(markdown(pd.DataFrame(rows), command), encoding="utf-8")


if __name__ == "__main__":
    main()
