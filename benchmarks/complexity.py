"""Print docs/complexity.md: how often errors that follow the folding of the cortex are seen, and false alarms.

    python -m benchmarks.complexity [--trials 200] [--power 40] [--images 120] [--out docs/complexity.md]

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

from benchmarks.cohort_volumes import volumes_of
from plausibrain.analysis.complexity import complexity_of_pair
from plausibrain.analysis.evaluate import Pairs, evaluate_headline
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.lobes import lobe_of
from plausibrain.cohorts.typical_geometry import typical_geometry
from plausibrain.evaluation.image_normalisation import condition
from plausibrain.evaluation.measuring import all_measures, measure_scan
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject, inject_in_image
from plausibrain.generation.norms import draw_subjects, draw_volumes
from plausibrain.generation.parcels import with_simulated_parcels
from plausibrain.generation.simulator.subject import Grid, simulate_subject

SETTINGS = Settings(n_resamples=100, n_splits=20)
N = 200
IMAGE_SEED, IMAGE_MM, IMAGE_SPLITS, IMAGE_SEVERITIES = 77, 2.0, 20, (1.0, 2.0)
IMAGE_SETTINGS = Settings(n_resamples=300, n_splits=20)
ONE_LOBE, LOSS = "one lobe lost", "complexity_dependent_loss"
SEVERITIES = (0.05, 0.1, 0.2)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200, help="Comparisons without a defect.")
    parser.add_argument("--power", type=int, default=40, help="Comparisons with each defect.")
    parser.add_argument(
        "--images", type=int, default=120, help="Simulated images; 0 for none; a verdict takes about 100."
    )
    parser.add_argument("--workers", type=int, default=1, help="Processes; no number depends on it.")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = []
    for line in page(options.trials, options.power, options.images, options.workers):
        print(line, flush=True)
        lines.append(line)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def page(trials: int, power: int, images: int, workers: int = 1) -> Iterator[str]:
    """Yield the lines of the page."""
    yield HEADER.format(
        command=f"python -m benchmarks.complexity --trials {trials} --power {power} --images {images} --out docs/complexity.md",
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
    if images:
        yield from image_section(images, workers)


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
    table = complexity_of_pair(reference, generated, typical_geometry(), SETTINGS)
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
    volumes = volumes_of(cohort).copy()
    parcels = [str(name) for name in volumes if str(name).startswith("ctx-")]
    lobes = sorted({lobe_of(name) for name in parcels})
    members = [name for name in parcels if lobe_of(name) == lobes[k % len(lobes)]]
    volumes[members] *= 0.9
    return replace(cohort, volumes=volumes)


def image_section(n: int, workers: int) -> Iterator[str]:
    """Yield how often question 7 sees images that are blurred where the cortex is folded."""
    with ProcessPoolExecutor(workers) as pool:
        pool_of = list(pool.map(measured_subject, range(n)))
    subjects = draw_subjects(n, seed=IMAGE_SEED)
    yield IMAGES.format(n=n, half=n // 2, splits=IMAGE_SPLITS)
    yield "| images | pairs of cohorts | worst measure fails | any headline of question 7 fails |\n|---|---|---|---|"
    for severity in (0.0, *IMAGE_SEVERITIES):
        verdicts = [quality_verdicts(subjects, pool_of, severity, k) for k in range(IMAGE_SPLITS)]
        worst = sum(v["quality_worst"] == "fail" for v in verdicts)
        some = sum("fail" in v.values() for v in verdicts)
        name = "as generated" if severity == 0 else f"folding_blur, {severity:g} mm"
        yield f"| {name} | {IMAGE_SPLITS} | {worst} | {some} |"


def measured_subject(row: int) -> dict[float, dict[str, float]]:
    """Return the measures of a simulated image, as it is and with every severity of blur."""
    subjects = draw_subjects(row + 1, seed=IMAGE_SEED)
    volumes, age = draw_volumes(subjects, seed=IMAGE_SEED).iloc[row], float(subjects["age"].to_numpy()[row])
    subject = simulate_subject(row, volumes, age=age, seed=IMAGE_SEED, grid=Grid(IMAGE_MM))
    result = {}
    for severity in (0.0, *IMAGE_SEVERITIES):
        image, labels = inject_in_image(
            "folding_blur", subject.image, subject.labels, severity=severity, seed=row
        )
        values = measure_scan(condition(image, labels, voxel_mm=IMAGE_MM))
        judged = {plugin.name for plugin in all_measures() if plugin.judged}
        result[severity] = {f"{v.metric}_{v.part}".rstrip("_"): v.value for v in values if v.metric in judged}
    return result


def quality_verdicts(
    subjects: pd.DataFrame, pool_of: Sequence[dict[float, dict[str, float]]], severity: float, k: int
) -> dict[str, str]:
    """Return the verdicts of question 7 on two random halves of the subjects, the second with a defect."""
    order = np.random.default_rng(k).permutation(len(subjects))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    cohorts = []
    for name, rows, own in zip("rg", halves, (0.0, severity), strict=True):
        whole = table_cohort(len(subjects), seed=IMAGE_SEED, name=name)
        measures = pd.DataFrame([pool_of[i][own] for i in rows])
        cohorts.append(replace(whole.select(rows), measures=measures))
    pairs = Pairs.of(build_frame(prepare_samples(*cohorts, min_subjects=10), IMAGE_SETTINGS))
    plugins = [plugin for plugin in all_headlines() if plugin.question == 7]
    headlines = {plugin.name: evaluate_headline(plugin, pairs) for plugin in plugins}
    return {name: h.verdict(IMAGE_SETTINGS.alpha, 40) for name, h in headlines.items()}


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

IMAGES = """
## Images blurred where the cortex is folded

*folding_blur* mixes every image with a blurred copy, the more the denser the surface of the cortex is around a voxel. {n} simulated subjects at 2 mm with their true labels
are dealt {splits} times into {half} for the reference and {half} for the generated cohort; the pairs of cohorts share subjects, so that the counts vary less than those of new subjects. *Fail* after Bonferroni's
correction for 40 headlines.
"""

if __name__ == "__main__":
    main()
