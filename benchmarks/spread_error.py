"""How often a perfect generator fails on the spread of its worst structure, and what is seen of a real change.

The decision on the standard error of `spread_worst` in ``docs/decisions.md`` rests on what this prints: both
cohorts are new samples of the population model, and every structure is tested with the error of the bootstrap
alone and with that of one shape as well. A changed spread is the estimate moved by its logarithm.

    python -m benchmarks.spread_error --n 300 60 --trials 600
"""

import argparse
from dataclasses import replace

import numpy as np
from scipy.stats import t as student

from benchmarks.machine import machine_line
from plausibrain.analysis.difference_maps import SPREAD
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.pair import bootstrap_pair, full_pair
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.structure_maps import MapTest, joint_test
from plausibrain.generation.demo_cohorts import table_cohort

LEVELS = (0.05, 0.01, 0.0025)  # the last is what the first of twenty headlines is compared with
CHANGES = (("Left-Hippocampus", 0.6), ("Left-Hippocampus", 1.6), ("Left-Lateral-Ventricle", 0.5))
MAPS = {"bootstrap": replace(SPREAD, least_error=None), "and one shape": SPREAD}


def main() -> None:
    """Print false failures and power."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, nargs=2, default=(300, 60), help="Reference and generated subjects.")
    parser.add_argument("--trials", type=int, default=600)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=200_000)
    given = parser.parse_args()
    print(machine_line())
    tests = [trial(given.n, given.seed + 2 * k, given.resamples) for k in range(given.trials)]
    print(f"{given.trials} pairs of {given.n[0]} and {given.n[1]} subjects, {given.resamples} resamples")
    for name in MAPS:
        own = [one[name] for one in tests]
        smallest = np.array([test.smallest_p for test in own])
        rates = ", ".join(f"{100 * np.mean(smallest <= level):.1f} % at {level:g}" for level in LEVELS)
        print(f"{name}: some structure fails in {rates}")
        seen = ", ".join(f"{s} x {f:g} {100 * power(own, s, f):.0f} %" for s, f in CHANGES)
        print(f"    fails at {LEVELS[-1]:g} where it should: {seen}")


def trial(n: tuple[int, int], seed: int, n_resamples: int) -> dict[str, MapTest]:
    """Return the test of spread of one pair of cohorts, with either error."""
    reference, generated = (table_cohort(size, seed=seed + k, name=str(k)) for k, size in enumerate(n))
    settings = Settings(n_resamples=n_resamples, seed=seed)
    frame = build_frame(prepare_samples(reference, generated, min_subjects=settings.min_subjects), settings)
    full = full_pair(frame)
    resamples = bootstrap_pair(frame, full)
    return {name: joint_test(one, full, resamples) for name, one in MAPS.items()}


def power(tests: list[MapTest], structure: str, factor: float) -> float:
    """Return the share of trials in which a structure fails whose spread is changed by a factor."""
    hits = []
    for test in tests:
        at = test.names.index(structure)
        moved = abs(test.estimate[at] + np.log(factor))
        single = 2 * student.sf(moved / test.se[at], test.freedom)
        p = -np.expm1(test.n_effective * np.log1p(-single))
        hits.append(p <= LEVELS[-1] and moved > test.margin[at])
    return float(np.mean(hits))


if __name__ == "__main__":
    main()
