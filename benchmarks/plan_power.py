"""Does `plan` promise what the report keeps? The planned power beside that of simulated reports.

    python -m benchmarks.plan_power --trials 300

Cohorts come from the population model. The generated one has heads that are larger, and one structure that is
larger at equal age, sex and head size, by a known number of standard deviations; each is judged by the
report's own test at Holm's first step, beside 25 headlines.
"""

import argparse
import datetime
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from plausibrain.analysis.difference_maps import SIZE
from plausibrain.analysis.evaluate import Headline
from plausibrain.analysis.joint_design import Frame, build_frame
from plausibrain.analysis.pair import bootstrap_pair, full_pair
from plausibrain.analysis.planning import ASEG_STRUCTURES, TABLE_HEADLINES, Of, verdict_power
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.structure_maps import joint_test
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.structures import TIV
from plausibrain.generation.demo_cohorts import table_cohort

STRUCTURE = "Left-Hippocampus"
SETTINGS = Settings(n_resamples=300, n_splits=20)
N_POPULATION = 4000


@dataclass(frozen=True)
class Case:
    """Subjects per cohort and the true differences, SD."""

    n_reference: int
    n_generated: int
    structure: float
    head: float


#: Powers from a fifth to nearly one; inside the margin the right verdict is *pass*.
CASES = (
    Case(120, 120, 0.5, 0.4), Case(200, 200, 0.5, 0.4), Case(200, 200, 0.4, 0.3), Case(300, 150, 0.5, 0.35),
    Case(400, 400, 0.05, 0.05),
)  # fmt: skip


@cache
def spreads() -> tuple[float, float, float]:
    """Return how much comparable subjects differ in structure and head size, mm3, and the slope between them."""
    population = table_cohort(N_POPULATION, seed=9, name="population")
    frame = build_frame(prepare_samples(population, population, min_subjects=10), SETTINGS)
    pair = full_pair(frame)
    at = frame.structures.index(STRUCTURE)
    own = pair.residual_sd("reference", "covariate")[0, at] * frame.scale[at]
    head = pair.residual_sd("reference", "none")[0, -1] * frame.scale[-1]
    place = frame.columns.index("tiv")
    per_sd = pair.within("reference", "covariate").beta[0, place, at] * frame.scale[at]
    return float(own), float(head), float(per_sd / population_tiv(population).std())


def population_tiv(cohort: Cohort) -> np.ndarray:
    """Return head sizes, mm3."""
    if cohort.volumes is None:
        raise ValueError("expected volumes")
    return cohort.volumes[TIV].to_numpy(dtype=float)


def shifted(cohort: Cohort, case: Case) -> Cohort:
    """Return the cohort with larger heads, and the structure larger than these heads explain."""
    own, head, slope = spreads()
    if cohort.volumes is None:
        raise ValueError("expected volumes")
    volumes = cohort.volumes.copy()
    volumes[TIV] += case.head * head
    volumes[STRUCTURE] += case.structure * own + slope * case.head * head
    return replace(cohort, volumes=volumes)


def verdicts(case: Case, trial: int) -> dict[Of, str]:
    """Return the verdict on the structure and on head size in one simulated report."""
    reference = table_cohort(case.n_reference, seed=20_000 + 2 * trial, name="r")
    generated = shifted(table_cohort(case.n_generated, seed=20_001 + 2 * trial, name="g"), case)
    frame = build_frame(prepare_samples(reference, generated, min_subjects=10), SETTINGS)
    return {"structure": _of_structure(frame), "head": _of_head(frame)}


def _of_structure(frame: Frame) -> str:
    full = full_pair(frame)
    test = joint_test(SIZE, full, bootstrap_pair(frame, full))
    at = frame.structures.index(STRUCTURE)
    if at in test.failing(SETTINGS.alpha / TABLE_HEADLINES):
        return "fail"
    arm = 1.6449 * test.se[at]  # two one-sided tests at 5 %
    return "pass" if abs(test.estimate[at]) + arm < test.margin[at] else "inconclusive"


def _of_head(frame: Frame) -> str:
    plugin = next(p for p in all_headlines() if p.name == "size_head")
    full = full_pair(frame)
    raw, estimate = plugin(bootstrap_pair(frame, full)), float(plugin(full)[0])
    draws = raw - np.median(raw) + estimate
    edges = (-SETTINGS.margin, SETTINGS.margin)
    judged = Headline(plugin, frame, "ok", "", estimate, draws, judged=estimate, margin=edges)
    return judged.verdict(SETTINGS.alpha, TABLE_HEADLINES)


def rows(trials: int) -> Iterator[str]:
    """Yield one line of the table per case and quantity."""
    for case in CASES:
        found = [verdicts(case, trial) for trial in range(trials)]
        wanted: dict[Of, float] = {"structure": case.structure, "head": case.head}
        for of, effect in wanted.items():
            right = "pass" if effect < SETTINGS.margin else "fail"
            count = sum(one[of] == right for one in found)
            planned = verdict_power(
                case.n_reference, case.n_generated, margin=SETTINGS.margin, effect=effect,
                alpha=SETTINGS.alpha, of=of, n_structures=ASEG_STRUCTURES,
            )  # fmt: skip
            low, high = proportion_confint(count, trials, method="beta")
            yield (
                f"| {of} | {case.n_reference} / {case.n_generated} | {effect:g} | {right} | {planned:.0%} | "
                f"{count / trials:.0%} ({low:.0%} to {high:.0%}) |"
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=300)
    given = parser.parse_args()
    date = datetime.datetime.now(datetime.UTC).date()
    print(f"Printed by `python -m benchmarks.plan_power --trials {given.trials}` on {date}, ", end="")
    print(f"{os.cpu_count()} cores, {SETTINGS.n_resamples} resamples.\n")
    print("| of | n ref. / gen. | difference, SD | right verdict | planned | in simulated reports |")
    print("|---|---|---|---|---|---|")
    for line in rows(given.trials):
        print(line, flush=True)


if __name__ == "__main__":
    main()
