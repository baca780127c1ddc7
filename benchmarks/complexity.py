"""Print docs/complexity.md: how often errors that follow the folding of the cortex are seen, and false alarms.

    python -m benchmarks.complexity [--trials 200] [--power 40] [--out docs/complexity.md]

Simulated subjects with cortical parcels; no data are needed.
"""

import argparse
import datetime
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

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
SEVERITIES = (0.05, 0.1, 0.2)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200, help="Comparisons without a defect.")
    parser.add_argument("--power", type=int, default=40, help="Comparisons with each defect.")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = []
    for line in page(options.trials, options.power):
        print(line, flush=True)
        lines.append(line)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def page(trials: int, power: int) -> Iterator[str]:
    """Yield the lines of the page."""
    yield HEADER.format(
        command=f"python -m benchmarks.complexity --trials {trials} --power {power} --out docs/complexity.md",
        date=datetime.datetime.now(datetime.UTC).date(), cores=os.cpu_count(), python=platform.python_version(),
        n=N, margin=SETTINGS.rules.complexity_margin,
    )  # fmt: skip
    yield "| defect | severity | comparisons | ρ with fractal dimension | ρ with gyrification | section fails | section passes |\n|---|---|---|---|---|---|---|"
    start = time.process_time()
    yield row("none", 0.0, trials, lambda cohort, k: cohort)
    yield row("one lobe lost", 0.1, power, one_lobe)
    for severity in SEVERITIES:
        yield row(
            "complexity_dependent_loss", severity, power,
            lambda cohort, k, s=severity: inject("complexity_dependent_loss", cohort, severity=s, seed=k),
        )  # fmt: skip
    n = trials + power * (1 + len(SEVERITIES))
    yield f"\n{(time.process_time() - start) / n:.2f} s of one core per comparison."


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


def row(defect: str, severity: float, trials: int, change: Callable[[Cohort, int], Cohort]) -> str:
    """Judge some comparisons with one defect."""
    geometry = typical_geometry()
    rhos, fails, passes = [], 0, 0
    for k in range(trials):
        reference, generated = (simulated(9000 + 2 * k + i, name) for i, name in enumerate("rg"))
        table = complexity_table(
            point_estimates(reference, change(generated, k)),
            geometry,
            headsize="covariate",
            settings=SETTINGS,
        )
        rhos.append(table.loc[table["error"] == "adjusted_d", "rho"].tolist())
        fails += (table["verdict"] == "fail").any()
        passes += (table["verdict"] == "pass").all()
    mean, sd = np.mean(rhos, axis=0), np.std(rhos, axis=0)
    cells = " | ".join(f"{m:+.2f} ({s:.2f})" for m, s in zip(mean, sd, strict=True))
    return f"| {defect} | {severity:g} | {trials} | {cells} | {fails} of {trials} | {passes} of {trials} |"


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
