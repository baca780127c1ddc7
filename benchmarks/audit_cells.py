"""False alarms of perfect generators under awkward cohorts, and power for defects of single structures.

    python -m benchmarks.audit_cells --trials 200 --log trials.jsonl
    python -m benchmarks.audit_page trials.jsonl --out docs

Every cell draws a reference and a generated cohort from the population model, both with the same trouble
(perfect generators) or the generated one with a defect. Cells take turns, so a run that is stopped by
`--seconds` has as many trials in every cell. Every trial is a line of the log; a run that is repeated with the
same log goes on where the last one stopped. `benchmarks.audit_page` prints table and page from the log.

Published procedures see the same cohorts. They have no verdict, so each is given the false-alarm rate of 5 %
that a user cannot give it: it sees a defect where its number lies beyond that of 19 in 20 perfect generators
of the same n.

Ages and sexes that are predicted from volumes cost more than all other headlines together. They are judged in
cells of their own; in the others they are left out, and Holm's correction counts fewer headlines.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.analysis.design import describe_design
from plausibrain.analysis.estimates.wasabi_published import regional_shares, rescale, subsampled
from plausibrain.analysis.evaluate import Pairs, evaluate_headlines
from plausibrain.analysis.joint_design import Frame, build_frame
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.published_size import bilateral_difference, mean_absolute, share_small
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.scorecard import build_scorecard
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject

SETTINGS = Settings(n_resamples=300, n_splits=40, wasabi_repeats=10)
#: Published procedure -> whether a defect makes its number larger (1) or smaller (-1).
PUBLISHED = {"share of |d| < 0.2": -1, "mean |d|": 1, "WASABI": 1}
#: Headlines whose ideal is the truth of a perfect generator at any n.
KNOWN = ("size_head", "spread_head", "spread_structures", "ageing", "asymmetry", "covariation", "sex_raw")
#: Headlines about predicted ages and sexes, which most cells leave out; those of downstream use all do.
PREDICTED = ("brain_age", "brain_age_error", "sex_accuracy")
DOWNSTREAM = ("utility_added", "utility_only")
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
    predicted : bool
        Whether `PREDICTED` are judged too.
    both, reference, defect : callable
        Changes both cohorts; changes the reference; changes the generated one.
    """

    name: str
    n: tuple[int, int] = (200, 200)
    question: int = 0
    ages: tuple[tuple[float, float], tuple[float, float]] = ((18.0, 90.0), (18.0, 90.0))
    men: tuple[float, float] = (0.5, 0.5)
    predicted: bool = False
    both: Change = lambda cohort, rng: cohort
    reference: Change = lambda cohort, rng: cohort
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


def noise(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """Multiply every volume by noise, 2 % wide: what an image adds to its subject."""
    volumes = volumes_of(cohort)
    return replace(cohort, volumes=volumes * (1 + 0.02 * rng.standard_normal(volumes.shape)))


def seeds_per_row(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """Write every subject of the first third down three times, with noise of its own each."""
    rows = np.repeat(np.arange(len(cohort) // 3), 3)
    volumes = volumes_of(cohort).iloc[rows].reset_index(drop=True)
    subjects = cohort.subjects.iloc[rows].reset_index(drop=True)
    subjects["participant_id"] = [f"{p}-{k % 3}" for k, p in enumerate(subjects["participant_id"])]
    return noise(replace(cohort, subjects=subjects, volumes=volumes), rng)


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


def _small_men(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    male = (cohort.subjects["sex"] == "M").to_numpy()
    return _scaled(cohort, dict.fromkeys(HIPPOCAMPI, np.where(male, 0.95, 1.05)))


def _one_side(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    return _scaled(cohort, {"Left-Hippocampus": 0.95, "Right-Hippocampus": 1.05})


def _not_ageing(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    age = cohort.subjects["age"].to_numpy(dtype=float)
    names = ("Left-Lateral-Ventricle", "Right-Lateral-Ventricle")
    v = volumes_of(cohort)
    return _scaled(cohort, {n: v[n].mean() / np.polyval(np.polyfit(age, v[n], 2), age) for n in names})


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
    Cell("perfect generator, n = 100", n=(100, 100)),
    Cell("ages 40 to 72 against 50 to 86", ages=((40.0, 72.0), (50.0, 86.0))),
    Cell("men 70 % against 25 %", men=(0.7, 0.25)),
    Cell("heavy tails", both=heavy_tails),
    Cell("outliers", both=outliers),
    Cell("sites", both=sites),
    Cell("missing cells", both=missing_cells),
    Cell("n 300 against 60", n=(300, 60)),
    Cell("three seeds per row", n=(200, 180), reference=noise, defect=seeds_per_row),
    Cell(
        "tails, outliers, sites, ages and sexes together", ages=((40.0, 72.0), (50.0, 86.0)),
        men=(0.7, 0.25), both=all_together,
    ),
    Cell("hippocampi 5 % smaller", question=2, defect=_hippocampi(lambda v, age: 0.95 * v)),
    Cell("head-size spread x 0.7, n = 100", n=(100, 100), question=3, defect=_narrow_heads),
    Cell("ageing halved, n = 100", n=(100, 100), question=4, defect=_injected("flat_ageing", 0.5)),
    Cell("hippocampi grow with age", question=4, defect=_hippocampi(_growing)),
    Cell("lateral ventricles do not age", question=4, defect=_not_ageing),
    Cell("hippocampi of men 5 % smaller, of women 5 % larger", question=5, defect=_small_men),
    Cell("hippocampi with a quarter of their spread", question=3, defect=_hippocampi(_quarter_spread)),
    Cell("left hippocampus 5 % smaller, right 5 % larger", question=3, defect=_one_side),
    Cell("hippocampus and amygdala swapped left to right", question=3, defect=_swapped),
    Cell("perfect generator, ages and sexes predicted", predicted=True),
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
        made.append((cell.defect if k else cell.reference)(changed, rng))
    return made[0], made[1]


def _requests(cohort: Cohort) -> list[str]:
    return [str(c) for c in cohort.subjects if str(c).startswith("requested_")]


def run_trial(cell: Cell, trial: int) -> dict[str, object]:
    """Judge one pair of cohorts: which headlines fail, and which intervals cover the ideal."""
    frame = build_frame(prepare_samples(*cohorts(cell, trial), min_subjects=SETTINGS.min_subjects), SETTINGS)
    pairs = Pairs.of(frame)
    left_out = DOWNSTREAM if cell.predicted else (*PREDICTED, *DOWNSTREAM)
    plugins = [plugin for plugin in all_headlines() if plugin.name not in left_out]
    card = build_scorecard(evaluate_headlines(plugins, pairs), describe_design(frame), SETTINGS)
    entries = [h for q in card["questions"] for h in q["headlines"] if h["status"] == "ok"]
    failed = [h["name"] for h in entries if h["verdict"] == "fail"]
    verdict = next((q["verdict"] for q in card["questions"] if q["number"] == cell.question), card["verdict"])
    covered = {h["name"]: h["ci_low"] <= h["ideal"] <= h["ci_high"] for h in entries if h["name"] in KNOWN}
    return {
        "cell": cell.name, "trial": trial, "verdict": verdict, "failed": failed, "covered": covered,
        "published": published(frame, pairs.full),
    }  # fmt: skip


def published(frame: Frame, pair: Pair) -> dict[str, float]:
    """Return what published procedures say of the same cohorts; nothing where heads have no size."""
    if not frame.has_tiv:
        return {}
    d = bilateral_difference(pair, residual=True)
    reference, generated = regional_shares(frame.reference.sample), regional_shares(frame.generated.sample)
    n = min(len(reference), len(generated))
    wasabi = subsampled(reference, rescale(generated, reference), n, frame, "published")
    return {
        "share of |d| < 0.2": float(share_small(d)[0]), "mean |d|": float(mean_absolute(d)[0]),
        "WASABI": float(wasabi.mean()),
    }  # fmt: skip


def done(log: Path) -> set[tuple[str, int]]:
    """Return the trials that a log holds."""
    if not log.exists():
        return set()
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    return {(row["cell"], row["trial"]) for row in rows}


def main() -> None:
    """Run cells in turn until the trials or the seconds are used up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="first trial, for several processes")
    parser.add_argument("--seconds", type=float, default=1e9, help="processor seconds of this run")
    parser.add_argument("--log", type=Path, required=True, help="JSON lines, one per trial")
    names = [cell.name for cell in CELLS]
    parser.add_argument(
        "--cell", action="append", choices=names, metavar="NAME", help="this cell alone; repeatable"
    )
    given = parser.parse_args()
    have = done(given.log)
    cells = [cell for cell in CELLS if given.cell is None or cell.name in given.cell]
    for trial in range(given.first, given.trials):
        for cell in cells:
            if (cell.name, trial) in have:
                continue
            if time.process_time() > given.seconds:
                return
            row = run_trial(cell, trial)
            with given.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
