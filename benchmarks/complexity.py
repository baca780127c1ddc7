"""Print docs/complexity.md: how often errors that follow the folding of the cortex are seen, and false alarms.

    python -m benchmarks.complexity [--trials 200] [--power 40] [--out docs/complexity.md]

Simulated subjects with cortical parcels; no data are needed.
"""

import argparse
import datetime
import os
import platform
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from plausibrain.analysis.complexity import complexity_table
from plausibrain.analysis.difference_maps import interaction
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.lobes import lobe_of
from plausibrain.cohorts.typical_geometry import typical_geometry
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject
from plausibrain.generation.parcels import with_simulated_parcels

SETTINGS = Settings(n_resamples=100, n_splits=20)
N = 200
ONE_LOBE, LOSS = "one lobe lost", "complexity_dependent_loss"
SEVERITIES = (0.05, 0.1, 0.2)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200, help="Comparisons without a defect.")
    parser.add_argument("--power", type=int, default=40, help="Comparisons with each defect.")
    parser.add_argument("--workers", type=int, default=1, help="Processes; no number depends on it.")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = []
    for line in page(options.trials, options.power, options.workers):
        print(line, flush=True)
        lines.append(line)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def page(trials: int, power: int, workers: int = 1) -> Iterator[str]:
    """Yield the lines of the page."""
    yield HEADER.format(
        command=f"python -m benchmarks.complexity --trials {trials} --power {power} --out docs/complexity.md",
        date=datetime.datetime.now(datetime.UTC).date(), cores=os.cpu_count(), python=platform.python_version(),
        n=N, margin=SETTINGS.rules.complexity_margin,
    )  # fmt: skip
    yield "| defect | severity | comparisons | ρ with fractal dimension | ρ with gyrification | section fails | section passes |\n|---|---|---|---|---|---|---|"
    cells = [
        ("none", 0.0, trials),
        (ONE_LOBE, 0.1, power),
        *((LOSS, severity, power) for severity in SEVERITIES),
    ]
    jobs = [(name, severity, k) for name, severity, n in cells for k in range(n)]
    with ProcessPoolExecutor(workers) as pool:
        results = list(pool.map(trial, *zip(*jobs, strict=True)))
    for name, severity, _ in cells:
        yield row(
            name, severity, [r for job, r in zip(jobs, results, strict=True) if job[:2] == (name, severity)]
        )
    yield f"\n{np.mean([r.seconds for r in results]):.2f} s of one core per comparison."


class Trial(NamedTuple):
    """Correlations with the difference of volumes, whether a row failed, whether all passed, and the time."""

    rhos: list[float]
    fails: bool
    passes: bool
    seconds: float


def trial(defect: str, severity: float, k: int) -> Trial:
    """Judge one comparison."""
    start = time.process_time()
    reference, generated = (simulated(9000 + 2 * k + i, name) for i, name in enumerate("rg"))
    if defect == ONE_LOBE:
        generated = one_lobe(generated, k)
    elif severity:
        generated = inject(defect, generated, severity=severity, seed=k)
    table = complexity_table(
        point_estimates(reference, generated), typical_geometry(), headsize="covariate", settings=SETTINGS
    )
    return Trial(
        table.loc[table["error"] == "adjusted_d", "rho"].tolist(),
        bool((table["verdict"] == "fail").any()),
        bool((table["verdict"] == "pass").all()),
        time.process_time() - start,
    )


def row(defect: str, severity: float, results: Sequence[Trial]) -> str:
    """Return the row of comparisons with one defect."""
    rhos = np.array([r.rhos for r in results])
    cells = " | ".join(
        f"{m:+.2f} ({s:.2f})" for m, s in zip(rhos.mean(axis=0), rhos.std(axis=0), strict=True)
    )
    fails, passes = sum(r.fails for r in results), sum(r.passes for r in results)
    return f"| {defect} | {severity:g} | {len(results)} | {cells} | {fails} | {passes} |"


def simulated(seed: int, name: str) -> Cohort:
    """Return subjects with parcels; another seed where a head is larger than the simulator allows."""
    try:
        return with_simulated_parcels(table_cohort(N, seed=seed, name=name), seed=seed)
    except DataError:
        return simulated(seed + 10_000, name)


def one_lobe(cohort: Cohort, k: int) -> Cohort:
    """Shrink all parcels of a lobe alike, another lobe in every comparison."""
    volumes = cohort.volumes.copy()
    parcels = [name for name in volumes if str(name).startswith("ctx-")]
    lobes = sorted({lobe_of(name) for name in parcels})
    members = [name for name in parcels if lobe_of(name) == lobes[k % len(lobes)]]
    volumes[members] *= 0.9
    return replace(cohort, volumes=volumes)


def point_estimates(reference: Cohort, generated: Cohort) -> pd.DataFrame:
    """Return the differences that a run would have in its results, without their intervals."""
    frame = build_frame(prepare_samples(reference, generated, min_subjects=10), SETTINGS)
    pair: Pair = Pairs.of(frame).full
    names = frame.names("covariate")
    maps = {
        "adjusted_d": pair.difference("covariate"),
        "group_by_age": interaction(pair, "covariate", "age"),
        "group_by_sex": interaction(pair, "covariate", "sex"),
    }
    parts = [
        pd.DataFrame({"structure": names, "estimate": values[0][: len(names)]}).assign(quantity=quantity)
        for quantity, values in maps.items()
    ]
    return pd.concat(parts, ignore_index=True).assign(
        stratum="all", cohort="difference", headsize="covariate"
    )


HEADER = """# Cortical complexity: how often errors that follow it are seen

Printed by `{command}` on {date} ({cores} cores, Python {python}).

The section *Cortical complexity* of a report asks whether the size of errors (difference of volumes, of age effects and of sex effects, each parcel of
Desikan and Killiany) goes with how folded a parcel is: fractal dimension by box counting, and local gyrification, the surface over a smooth envelope
(`evaluation/cortical_geometry.py`). Both come from up to five label maps of the reference (`images.n_geometry`), or, where it has none, from the mean of ten
label maps that comes with the package (`cohorts/typical_geometry.tsv`). The p value of a rank correlation is by permutation of regions
within their lobe, the same in both hemispheres: what a lobe has in common, and what left and right have in common, is no evidence. Spin tests need surfaces,
which volumes do not give; surrogates with a matched variogram need distances along the cortex. Neighbours within a lobe still count as exchangeable, so a small p
value is a hint and no proof. A row fails when |ρ| is above {margin} and the test rejects at 5 % after Holm's correction over the six rows; it passes when its 90 %
interval lies within ±{margin}. The verdict is not part of the scorecard: it says where errors lie, not whether there are any.

Below, {n} reference and {n} generated subjects are independent draws from the population model, whose cortex is divided into parcels
(`generation/parcels.py`). *complexity_dependent_loss* takes a share of every parcel that grows with its rank in complexity, up to the severity;
*one lobe lost* takes 10 % of all parcels of one lobe, which is an error that lies in a place and not in complexity. Mean (standard deviation) of ρ with the size of
the difference of volumes.
"""

if __name__ == "__main__":
    main()
