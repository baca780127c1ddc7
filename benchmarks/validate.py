"""Print docs/validation.md: what the benchmark says about real tables whose truth is known.

    python -m benchmarks.validate DATA [--splits 100] [--out docs/validation.md]

DATA is a folder with `tables/ixi_synthseg.csv`, `brainldm_synthseg.csv`, `fcon1000.csv`, `NIMH_controls_v1.csv` and
`NIMH_controls_v2.csv` (sources and licences: docs/validation.md). Nothing of it is stored in the project.
"""

import argparse
import datetime
import os
import platform
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pingouin as pg
from statsmodels.stats.proportion import proportion_confint

from benchmarks.cohort_volumes import volumes_of
from plausibrain.analysis.analyse import analyse, judge
from plausibrain.analysis.noise import estimate_noise
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.requested_volumes import BRAIN, BRAIN_NORMALISED
from plausibrain.cohorts.structures import TIV

CODING = "1=M,0=F"
N_PER_HALF = 200
QUICK = {"n_resamples": 500, "n_splits": 60}
SEX_D = (TIV, "Left-Cerebral-Cortex", "Right-Cerebral-Cortex", "Left-Hippocampus", "Right-Hippocampus")
AGE_R = ("Left-Hippocampus", "Right-Hippocampus", "Left-Lateral-Ventricle", "Right-Lateral-Ventricle")


def main() -> None:
    """Run every section and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    tables = given.data / "tables"
    lines = list(page(tables, given.splits))
    text = "\n".join(lines) + "\n"
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    print(text)


def page(tables: Path, n_splits: int) -> Iterator[str]:
    """Yield the lines of the page."""
    yield HEADER.format(
        date=datetime.datetime.now(datetime.UTC).date(),
        cores=os.cpu_count(),
        python=platform.python_version(),
    )
    ixi = read_cohort(tables / "ixi_synthseg.csv", name="IXI", sex_coding=CODING)
    yield from ixi_section(ixi)
    yield from generator_section(ixi, brain_ldm(tables))
    yield from split_section(
        read_cohort(tables / "fcon1000.csv", name="FCON1000", sex_coding=CODING), n_splits
    )
    visits = [read_cohort(tables / f"NIMH_controls_v{i}.csv", sex_coding=CODING) for i in (1, 2)]
    yield from noise_section(*visits)


def brain_ldm(tables: Path) -> Cohort:
    """Return images of the public model; its requested brain volumes are normalised for head size."""
    cohort = read_cohort(tables / "brainldm_synthseg.csv", name="Brain LDM")
    return replace(cohort, subjects=cohort.subjects.rename(columns={BRAIN: BRAIN_NORMALISED}))


def ixi_section(ixi: Cohort) -> Iterator[str]:
    """Duplicates, and effect sizes beside pingouin's."""
    yield "## IXI, SynthSeg volumes, 50 years and older\n"
    for note in ixi.notes:
        if note.kind == "duplicate":
            yield f"Reader: {note.message}\n"
    yield f"Rows kept: {len(ixi.subjects)}.\n"
    results = analyse(ixi, ixi, Settings(**QUICK)).tables["results"]
    results = results[results["cohort"] == "reference"]
    yield "| number | plausibrain | pingouin | difference |\n|---|---|---|---|"
    men = (ixi.subjects["sex"] == "M").to_numpy()
    for name in SEX_D:
        values = volumes_of(ixi)[name].to_numpy()
        theirs = pg.compute_effsize(values[men], values[~men], eftype="cohen")
        yield _beside(f"sex d (raw), {name}", _value(results, "sex_d", name), theirs)
    for name in AGE_R:
        theirs = pg.corr(ixi.subjects["age"], volumes_of(ixi)[name])["r"].iloc[0]
        yield _beside(f"age r, {name}", _value(results, "age_r", name), theirs)
    yield ""


def _value(results: Any, quantity: str, structure: str) -> float:
    row = results[(results["quantity"] == quantity) & (results["structure"] == structure)]
    return float(row["estimate"].iloc[0])


def _beside(name: str, ours: float, theirs: float) -> str:
    return f"| {name} | {ours:.6f} | {theirs:.6f} | {abs(ours - theirs):.1e} |"


def generator_section(ixi: Cohort, generated: Cohort) -> Iterator[str]:
    """Compare a public latent diffusion model with IXI."""
    yield "## A real generator: images sampled from the public brain latent diffusion model, against IXI\n"
    analysis = analyse(ixi, generated, Settings())
    yield from headline_lines(analysis.scorecard)
    yield "\nWhat the design of the requests does not support, in the words of the report:\n"
    yield from (f"- {statement}" for statement in analysis.scorecard["design"]["statements"])
    yield "\nRequested against measured:\n\n| quantity | estimate | interval |\n|---|---|---|"
    rows = analysis.tables["results"].query("analysis == 'conditioning'")
    for row in rows.itertuples():
        scale, unit = (1000.0, "mL") if row.unit == "mm³" else (1.0, row.unit)
        low, high = row.ci_low / scale, row.ci_high / scale
        yield f"| {row.quantity} | {row.estimate / scale:.3g} {unit} | {low:.3g} to {high:.3g} |"
    yield "\nBalance:\n\n| variable | IXI | generated | standardised difference |\n|---|---|---|---|"
    for row in analysis.tables["balance"].itertuples():
        yield f"| {row.variable} {row.level} | {row.reference:.2f} | {row.generated:.2f} | {row.smd:+.2f} |"
    yield ""


def headline_lines(scorecard: dict[str, Any]) -> Iterator[str]:
    """Yield a table of every headline."""
    yield "| question | headline | estimate | 95 % interval | split-half reference, same n | verdict |\n|---|---|---|---|---|---|"
    for question in scorecard["questions"]:
        for h in question["headlines"]:
            if h["verdict"] == "not measured":
                continue
            null = h["null"]
            beside = (
                f"{null['median']:.3g} ({null['low']:.3g} to {null['high']:.3g}), n = {null['n']}"
                if null
                else "–"
            )
            yield (
                f"| {question['name']} | {h['label']} | {h['estimate']:.3g} {h['unit']} | "
                f"{h['ci_low']:.3g} to {h['ci_high']:.3g} | {beside} | {h['verdict']} |"
            )


def split_section(fcon: Cohort, n_splits: int) -> Iterator[str]:
    """Random halves of one population, men against women, site against site."""
    yield "## FCON1000: the same population twice\n"
    yield (
        f"{n_splits} seeded draws of two disjoint groups of {N_PER_HALF} subjects from {len(fcon.subjects)}, every headline judged "
        f"({QUICK['n_resamples']} resamples, {QUICK['n_splits']} splits).\n"
    )
    counts, clean, seconds = count_verdicts(fcon, n_splits)
    low, high = proportion_confint(clean, n_splits, method="beta")
    yield (
        f"**{clean} of {n_splits} splits have no *fail* on any verdict** (95 % interval of the share: {low:.1%} to "
        f"{high:.1%}); {seconds:.1f} s per split.\n"
    )
    yield "| headline | yes | inconclusive | no | not measured |\n|---|---|---|---|---|"
    for name, count in counts.items():
        yield f"| {name} | {count['pass']} | {count['inconclusive']} | {count['fail']} | {count['not measured']} |"
    sex = fcon.subjects["sex"].to_numpy()
    settings = Settings(**QUICK)
    yield "\nMen as reference, women as generated:\n"
    yield from headline_lines(judge(fcon.select(sex == "M"), fcon.select(sex == "F"), settings))
    yield "\nOne site against another (two scanners, two recruitments; not the same population):\n"
    site = fcon.subjects["site"].to_numpy()
    yield from headline_lines(
        judge(fcon.select(site == "Cambridge_Buckner"), fcon.select(site == "Beijing_Zang"), settings)
    )
    yield ""


def count_verdicts(cohort: Cohort, n_splits: int) -> tuple[dict[str, Counter[str]], int, float]:
    """Judge seeded random halves; return verdicts per headline, splits without a no, seconds per split."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    clean, start = 0, time.monotonic()
    for seed in range(n_splits):
        order = np.random.default_rng(seed).permutation(len(cohort.subjects))
        first, second = order[:N_PER_HALF], order[N_PER_HALF : 2 * N_PER_HALF]
        scorecard = judge(cohort.select(first), cohort.select(second), Settings(**QUICK, seed=seed))
        verdicts = {h["name"]: h["verdict"] for q in scorecard["questions"] for h in q["headlines"]}
        clean += "fail" not in verdicts.values()
        for name, verdict in verdicts.items():
            counts[name][verdict] += 1
    return counts, clean, (time.monotonic() - start) / n_splits


def noise_section(first: Cohort, second: Cohort) -> Iterator[str]:
    """Two visits of the same subjects."""
    table = estimate_noise(first, second, Settings())
    yield "## NIMH: two visits of the same subjects, FreeSurfer\n"
    yield (
        f"{table['n_subjects'].iloc[0]} subjects. Noise is the standard deviation within a subject; `plausibrain noise` writes this "
        "table and the option `--noise` of `plausibrain run` widens the margin of a structure to its noise where that is larger than 0.2 SD.\n"
    )
    yield "| structure | noise, % of mean | noise, SD between subjects | reliability (ICC) | margin used |\n|---|---|---|---|---|"
    for structure, row in table.set_index("structure").astype(float).iterrows():
        margin = max(0.2, row["noise_sd"])
        reliability = "–" if np.isnan(row["reliability"]) else f"{row['reliability']:.3f}"
        yield (
            f"| {structure} | {row['noise_percent']:.1f} | {row['noise_sd']:.2f} | {reliability} | {margin:.2f} |"
        )


HEADER = """# Validation on real tables

Printed by `python -m benchmarks.validate DATA --out docs/validation.md` on {date} ({cores} cores, Python {python}).

How far the segmenter itself is off on real scans stands in [validation_segmentation.md](validation_segmentation.md).

Data, none of which is part of this project: IXI volumes by SynthSeg (marver17/hippocampal-normative-models, CC BY-SA 3.0; IXI), SynthSeg
volumes of 780 images sampled from the public brain latent diffusion model (Ahn-Ssu/GenAI_sexDiff), FCON1000 and NIMH FreeSurfer
volumes (PCNtoolkit-demo; open data).
"""

if __name__ == "__main__":
    main()
