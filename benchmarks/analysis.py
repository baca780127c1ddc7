"""Time the statistics, beside the same numbers from a plain loop over pingouin.

    python -m benchmarks.analysis [--subjects 1000] [--resamples 2000]

Two cohorts of simulated subjects with 101 structures (the 32 of the whole-brain segmentation, 68 cortical
parcels, and head size). The pingouin loop computes, for the same structures, Cohen's d and its bootstrap interval; it is
timed on a few structures and a few hundred resamples and scaled, because whole it would take hours.
"""

import argparse
import resource
import time
import warnings
from collections.abc import Callable

import numpy as np
import ot
import pandas as pd
import pingouin as pg

from benchmarks.cohort_volumes import volumes_of
from benchmarks.machine import machine_line
from plausibrain.analysis.analyse import analyse, judge
from plausibrain.analysis.estimates.size import hedges_g
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.pair import bootstrap_pair, full_pair
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.transport import assignment_cost
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.structures import STRUCTURES, TIV
from plausibrain.generation.demo_cohorts import table_cohort

LOOP_STRUCTURES = 3
LOOP_RESAMPLES = 200


def main() -> None:
    """Run and print every line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subjects", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=2000)
    given = parser.parse_args()
    print(machine_line())
    first, second = (
        with_parcels(table_cohort(given.subjects, seed=seed, name=str(seed)), seed) for seed in (1, 2)
    )
    settings = Settings(n_resamples=given.resamples)
    n_structures = len(first.structures) + 1
    print(
        f"{given.subjects} x {given.subjects} subjects, {n_structures} structures, {given.resamples} resamples"
    )
    headlines = timed(lambda: judge(first, second, settings))
    print(f"every headline, interval, null and verdict:     {headlines:7.1f} s")
    everything = timed(lambda: analyse(first, second, settings))
    print(f"the same and every table of the report:         {everything:7.1f} s")
    print(f"peak memory of the process:                     {peak_gib():7.2f} GiB")
    loop = pingouin_loop(first, second, n_structures, given.resamples)
    ours = timed(lambda: our_intervals(first, second, settings))
    print(f"d of every structure with bootstrap interval:   {ours:7.2f} s")
    print(f"the same by a loop over pingouin (scaled):      {loop:7.1f} s, ratio {loop / ours:.0f}")
    transport_lines()


def with_parcels(cohort: Cohort, seed: int) -> Cohort:
    """Split the cortex of every subject into the 68 parcels, in proportions that differ between subjects."""
    rng = np.random.default_rng(seed)
    volumes = volumes_of(cohort).copy()
    for side, hemisphere in (("Left", "left"), ("Right", "right")):
        names = [s.name for s in STRUCTURES if s.atlas == "dk" and s.hemisphere == hemisphere]
        base = np.random.default_rng(0).uniform(0.3, 1.7, len(names))
        share = base * np.exp(rng.normal(0, 0.12, (len(volumes), len(names))))
        share /= share.sum(axis=1, keepdims=True)
        parcels = share * volumes[f"{side}-Cerebral-Cortex"].to_numpy()[:, None]
        volumes = pd.concat([volumes, pd.DataFrame(parcels, columns=names)], axis=1)
    return Cohort(cohort.name, cohort.subjects, volumes, segmenter=cohort.segmenter, source=cohort.source)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_gib() -> float:
    """Return the largest resident size of this process so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def our_intervals(reference: Cohort, generated: Cohort, settings: Settings) -> np.ndarray:
    """Return the 95 % bootstrap interval of Hedges' g of every structure, from tables to numbers."""
    frame = build_frame(prepare_samples(reference, generated, min_subjects=10), settings)
    return np.quantile(hedges_g(bootstrap_pair(frame, full_pair(frame))), [0.025, 0.975], axis=0)


def pingouin_loop(reference: Cohort, generated: Cohort, n_structures: int, n_resamples: int) -> float:
    """Return the seconds of the plain loop for all structures, scaled from a part of it."""
    names = [TIV, *reference.structures][:LOOP_STRUCTURES]

    def loop() -> None:
        for name in names:
            x, y = (volumes_of(one)[name].to_numpy() for one in (reference, generated))
            pg.compute_effsize(x, y, eftype="cohen")
            pg.compute_bootci(
                x,
                y,
                func=lambda a, b: pg.compute_effsize(a, b, eftype="cohen"),
                n_boot=LOOP_RESAMPLES,
                method="per",
                seed=0,
            )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = timed(loop)
    return seconds * (n_structures / len(names)) * (n_resamples / LOOP_RESAMPLES)


def transport_lines(n: int = 500, repeats: int = 20, published_repeats: int = 1000) -> None:
    """Print exact optimal transport at the published n, scaled to the published number of repeats."""
    rng = np.random.default_rng(0)
    reference, generated = (rng.normal(size=(1000, 52)) for _ in range(2))
    draws = [(rng.choice(1000, n, replace=False), rng.choice(1000, n, replace=False)) for _ in range(repeats)]

    def published() -> list[float]:
        weights = np.full(n, 1 / n)
        return [ot.emd2(weights, weights, ot.dist(reference[a], generated[b])) for a, b in draws]

    ours = timed(lambda: [assignment_cost(reference[a], generated[b]) for a, b in draws])
    theirs = timed(published)
    gap = max(
        abs(assignment_cost(reference[a], generated[b]) - v)
        for (a, b), v in zip(draws, published(), strict=True)
    )
    scale = published_repeats / repeats
    print(
        f"exact transport n = {n}, K = {published_repeats} (scaled from {repeats}): ours {ours * scale:.1f} s, "
        f"the published procedure with POT {theirs * scale:.1f} s, ratio {theirs / ours:.2f}, largest difference {gap:.1e}"
    )


if __name__ == "__main__":
    main()
