"""Print docs/brain_age.md: what brain age and usefulness say of real tables, and of simulated ones whose truth is known.

    python -m benchmarks.brain_age DATA [--trials 60] [--power 20] [--out docs/brain_age.md]

DATA is a folder with `tables/fcon1000.csv`, `ixi_synthseg.csv`, `brainldm_synthseg.csv`, `NIMH_controls_v1.csv` and
`NIMH_controls_v2.csv` (sources and licences: docs/validation.md). Nothing of it is stored in the project.
"""

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.cohort_volumes import volumes_of
from plausibrain.analysis.design import describe_design
from plausibrain.analysis.evaluate import Pairs, evaluate_headline
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.prediction import MOST_TRAINING, N_FOLDS, Target, chosen_by_inner_folds, trained
from plausibrain.analysis.registry import HeadlinePlugin, all_headlines
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.store import Store
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject

CODING = "1=M,0=F"
NAMES = ("brain_age", "brain_age_error", "sex_accuracy", "conditioning_age", "utility_only", "utility_added")
SETTINGS = Settings(n_resamples=300, n_splits=40)
#: Verdicts of these headlines do not look at splits, which take half of the time; see `trial`.
QUICK = Settings(n_resamples=300, n_splits=20)
N, N_BEST = 200, 4000
DEFECTS = (
    ("flat_ageing", 0.25), ("flat_ageing", 0.5), ("flat_ageing", 1.0), ("missing_sex_effect", 0.5),
    ("missing_sex_effect", 1.0), ("shuffled_conditions", 0.5), ("copied_reference", 0.5), ("copied_reference", 1.0),
)  # fmt: skip
LEAST_AT_SITE = 10


def main() -> None:
    """Run every section and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--trials", type=int, default=60, help="Comparisons without a defect.")
    parser.add_argument("--power", type=int, default=20, help="Comparisons with each defect.")
    parser.add_argument("--workers", type=int, default=1, help="Processes; no number depends on it.")
    parser.add_argument("--store", type=Path, help="Folder that keeps every comparison, to go on later.")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = []
    for line in page(options.data / "tables", options.trials, options.power, options.workers, options.store):
        print(line, flush=True)
        lines.append(line)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def page(tables: Path, trials: int, power: int, workers: int = 1, store: Path | None = None) -> Iterator[str]:
    """Yield the lines of the page."""
    yield HEADER.format(
        command=f"python -m benchmarks.brain_age DATA --trials {trials} --power {power} --out docs/brain_age.md",
        date=datetime.datetime.now(datetime.UTC).date(), cores=os.cpu_count(), python=platform.python_version(),
    )  # fmt: skip
    fcon = read_cohort(tables / "fcon1000.csv", name="FCON1000", sex_coding=CODING)
    ixi = read_cohort(tables / "ixi_synthseg.csv", name="IXI", sex_coding=CODING)
    yield from error_section([fcon, ixi])
    yield from site_section(fcon)
    visits = [read_cohort(tables / f"NIMH_controls_v{i}.csv", sex_coding=CODING) for i in (1, 2)]
    yield from retest_section(*visits)
    yield from real_section(fcon, ixi, read_cohort(tables / "brainldm_synthseg.csv", name="Brain LDM"))
    yield from simulated_section(trials, power, workers, store)


def complete(cohort: Cohort) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DataFrame]:
    """Return volumes, ages and sexes (1 men) of the complete rows, and their subjects."""
    kept = cohort.included
    volumes = volumes_of(kept).to_numpy(dtype=float)
    volumes = volumes[:, np.isfinite(volumes).mean(axis=0) > 0.9]
    rows = np.isfinite(volumes).all(axis=1)
    subjects = kept.subjects[rows].reset_index(drop=True)
    age, male = subjects["age"].to_numpy(dtype=float), (subjects["sex"] == "M").to_numpy(dtype=float)
    return volumes[rows], age, male, subjects


def held_out(
    target: Target, x: np.ndarray, y: np.ndarray, fold: np.ndarray, subject: np.ndarray
) -> np.ndarray:
    """Predict every fold by a model, chosen and trained on the others, of at most as many rows as in a run."""
    predicted = np.empty(len(y))
    for k in np.unique(fold):
        train = np.flatnonzero(fold != k)
        train = np.random.default_rng(0).permutation(train)[:MOST_TRAINING]
        center, scale = x[train].mean(axis=0), x[train].std(axis=0)
        z = (x - center) / np.where(scale > 0, scale, 1.0)
        name = chosen_by_inner_folds(target, z[train], y[train], subject[train])
        predicted[fold == k] = trained(target, name, z[train], y[train])(z[fold == k])
    return predicted


def by_subject(subjects: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return folds that keep subjects together, and the number of every row's subject."""
    subject = pd.factorize(subjects["subject"])[0]
    return np.random.default_rng(1).permutation(subject.max() + 1)[subject] % N_FOLDS, subject


def error_section(cohorts: list[Cohort]) -> Iterator[str]:
    """Cross-validated errors of whole cohorts."""
    yield "## Error on subjects whom the model has not seen\n"
    yield "| cohort | rows | ages | error of brain age, years | mean-age guess | r | balanced accuracy of sex |\n|---|---|---|---|---|---|---|"
    for cohort in cohorts:
        x, age, male, subjects = complete(cohort)
        fold, subject = by_subject(subjects)
        predicted = held_out("age", x, age, fold, subject)
        scores = held_out("sex", x, male, fold, subject) > 0
        accuracy = (np.mean(scores[male == 1]) + np.mean(~scores[male == 0])) / 2
        yield (
            f"| {cohort.name} | {len(age)} | {age.min():.0f} to {age.max():.0f} | {mae(predicted, age):.2f} | "
            f"{mae(guess(age, fold), age):.2f} | {np.corrcoef(predicted, age)[0, 1]:.2f} | {accuracy:.2f} |"
        )
    yield ""


def mae(predicted: np.ndarray, age: np.ndarray) -> float:
    """Return the mean absolute error, years."""
    return float(np.abs(predicted - age).mean())


def guess(age: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Guess the mean age of the other folds for everybody."""
    return np.array([age[fold != k].mean() for k in fold])


def site_section(fcon: Cohort) -> Iterator[str]:
    """Every site by models that have seen other subjects of it, and by models that have not seen the site."""
    x, age, _, subjects = complete(fcon)
    fold, subject = by_subject(subjects)
    site = pd.factorize(subjects["site"])[0]
    inside, outside = (held_out("age", x, age, f, subject) for f in (fold, site))
    yield "## FCON1000 by site\n"
    yield (
        "Folds by subject are random, so that every site is seen in training; folds by site train on all other sites. Guesses are the mean age of the "
        f"training folds. Sites of at least {LEAST_AT_SITE} subjects, in years.\n"
    )
    yield "| site | n | mean age | SD | folds by subject | folds by site | guess, folds by subject | guess, folds by site |\n|---|---|---|---|---|---|---|---|"
    guesses = guess(age, fold), guess(age, site)
    for name, rows in [*subjects.groupby("site").groups.items(), ("all", subjects.index)]:
        at = np.asarray(rows)
        if len(at) >= LEAST_AT_SITE:
            errors = [mae(p[at], age[at]) for p in (inside, outside, *guesses)]
            yield (
                f"| {name} | {len(at)} | {age[at].mean():.0f} | {age[at].std():.1f} | "
                + " | ".join(f"{e:.1f}" for e in errors)
                + " |"
            )
    yield ""


def retest_section(first: Cohort, second: Cohort) -> Iterator[str]:
    """Brain age of two visits of the same subjects, by models that have seen neither."""
    parts = [complete(c) for c in (first, second)]
    one_row, other_row = (
        p[3].reset_index().rename(columns={"index": "row"})[["subject", "row"]] for p in parts
    )
    both = one_row.merge(other_row, on="subject")
    rows = [both[name].to_numpy() for name in ("row_x", "row_y")]
    x = [volumes[at] for (volumes, _, _, _), at in zip(parts, rows, strict=True)]
    age = [years[at] for (_, years, _, _), at in zip(parts, rows, strict=True)]
    subject = np.arange(len(both))
    fold = np.random.default_rng(2).permutation(len(both)) % N_FOLDS
    stacked = held_out("age", np.vstack(x), np.concatenate(age), np.r_[fold, fold], np.r_[subject, subject])
    one, two = stacked[: len(both)], stacked[len(both) :]
    within = np.std((two - age[1]) - (one - age[0]), ddof=1) / np.sqrt(2)
    between = np.var(np.r_[one - age[0], two - age[1]], ddof=1)
    yield "## NIMH: the same subjects twice\n"
    yield (
        f"{len(both)} subjects with two visits, FreeSurfer. Error of the first visit {mae(one, age[0]):.2f} years (mean-age guess {mae(guess(age[0], fold), age[0]):.2f}), "
        f"of the second {mae(two, age[1]):.2f}. The brain-age differences of the two visits correlate with r = {np.corrcoef(one - age[0], two - age[1])[0, 1]:.2f}; "
        f"the standard deviation within a subject is {within:.2f} years, the reliability {1 - within**2 / between:.2f}.\n"
    )


def real_section(fcon: Cohort, ixi: Cohort, ldm: Cohort) -> Iterator[str]:
    """Verdicts on halves of one cohort, and on a public generator."""
    order = np.random.default_rng(0).permutation(len(fcon))
    halves = fcon.select(order[:N]), fcon.select(order[N : 2 * N])
    for title, reference, generated in (
        (f"Two random groups of {N} subjects of FCON1000, one as reference, one as generated", *halves),
        (
            "IXI as reference, images sampled from the public brain latent diffusion model as generated",
            ixi,
            ldm,
        ),
    ):
        pairs = pairs_of(reference, generated)
        yield f"## {title}\n"
        yield from headline_rows(pairs)
        violations = describe_design(pairs.full.frame).violations
        if violations:
            yield (
                "\nNot judged where the design of the requests does not carry it: "
                + "; ".join(violations.values())
                + "."
            )
        yield ""


def pairs_of(reference: Cohort, generated: Cohort, settings: Settings = SETTINGS) -> Pairs:
    """Put two cohorts on a frame and draw all weightings."""
    return Pairs.of(build_frame(prepare_samples(reference, generated, min_subjects=10), settings))


def judged() -> list[HeadlinePlugin]:
    """Return the headlines of this page."""
    return [plugin for plugin in all_headlines() if plugin.name in NAMES]


def headline_rows(pairs: Pairs) -> Iterator[str]:
    """Yield a table of every headline of this page."""
    design = describe_design(pairs.full.frame)
    yield "| headline | estimate | 95 % interval | halves of the reference | verdict alone |\n|---|---|---|---|---|"
    for plugin in judged():
        h = evaluate_headline(plugin, pairs)
        if h.status != "ok":
            yield f"| {plugin.label} | | | | not measured: {h.reason} |"
            continue
        low, high = h.interval(0.95)
        broken = any(a in design.violations for a in plugin.assumes)
        verdict = "not judged" if broken else h.verdict(SETTINGS.alpha, 1)
        yield f"| {plugin.label} | {h.estimate:.2f} {plugin.unit} | {low:.2f} to {high:.2f} | {np.nanmedian(h.null):.2f} | {verdict} |"


def simulated_section(trials: int, power: int, workers: int, store: Path | None) -> Iterator[str]:
    """Yield false alarms without a defect and power with each."""
    yield f"## Simulated cohorts: {N} reference and {N} generated subjects\n"
    yield from best_section()
    yield (
        "Reference and generated subjects are independent draws from the population model. *Fail* after Bonferroni's correction for 40 headlines "
        "(a scorecard has about as many; Holm's procedure is never stricter). Mean (standard deviation) of the estimates, and how many of the trials *fail*. The last column is about *Age, predicted per requested*, where its truth is known.\n"
    )
    yield (
        "| defect | severity | trials | "
        + " | ".join(plugin.label for plugin in judged())
        + " | truth in the interval |\n|---|---|---|"
        + "---|" * (len(NAMES) + 1)
    )
    cells = [("none", 0.0, trials), *((name, severity, power) for name, severity in DEFECTS)]
    jobs = [(*cell[:2], k, store) for k in range(max(trials, power)) for cell in cells if k < cell[2]]
    with ProcessPoolExecutor(workers) as pool:
        results = list(pool.map(trial, *zip(*jobs, strict=True)))
    for name, severity, _ in cells:
        yield row_of(
            name, severity, [r for job, r in zip(jobs, results, strict=True) if job[:2] == (name, severity)]
        )
    yield (
        f"\n{np.mean([r['seconds'] for r in results]):.1f} s of one core per comparison for these {len(NAMES)} headlines ({QUICK.n_resamples} resamples; splits of "
        "the reference, which decide none of these verdicts, are left out)."
    )


def trial(defect: str, severity: float, k: int, store: Path | None) -> dict[str, Any]:
    """Judge one comparison, or read what an earlier run stored of it."""
    key = Store.key("brain age", defect, severity, k, N, QUICK.model_dump_json())
    file = Store(store).get(key, ".json") if store is not None else None
    if file is not None:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return content
    start = time.process_time()
    pairs = pairs_of(*simulated(defect, severity, k), QUICK)
    pairs = replace(pairs, null=pairs.null.first(1), matched=pairs.matched.first(1))
    result: dict[str, Any] = {}
    for plugin in judged():
        h = evaluate_headline(plugin, pairs)
        result[plugin.name] = [h.estimate, h.verdict(SETTINGS.alpha, 40), *h.interval(0.95)]
    result["seconds"] = time.process_time() - start
    if store is not None:
        Store(store).put_text(key, ".json", json.dumps(result))
    return result


def row_of(defect: str, severity: float, results: Sequence[Mapping[str, Any]]) -> str:
    """Return the row of comparisons with one defect."""
    n = len(results)
    cells = []
    for plugin in judged():
        estimates = [r[plugin.name][0] for r in results]
        fails = sum(r[plugin.name][1] == "fail" for r in results)
        cells.append(f"{np.mean(estimates):.2f} ({np.std(estimates):.2f}), {fails}")
    coverage = ""
    if defect in ("none", "flat_ageing"):
        truth = 1 - severity
        hits = sum(low <= truth <= high for _, _, low, high in (r["conditioning_age"] for r in results))
        coverage = f"{truth:g}: {hits}"
    return f"| {defect} | {severity:g} | {n} | " + " | ".join(cells) + f" | {coverage} |"


def simulated(defect: str, severity: float, k: int) -> tuple[Cohort, Cohort]:
    """Return two independent cohorts from the population model, the second with a defect."""
    reference, generated = (table_cohort(N, seed=5000 + 2 * k + i, name=name) for i, name in enumerate("rg"))
    if severity:
        generated = inject(defect, generated, severity=severity, seed=k, training=reference)
    return reference, generated


def best_section() -> Iterator[str]:
    """Yield the held-out error of the model that runs use, beside that of one that knows ten times as many."""
    many, few = (table_cohort(n, seed=s, name="c") for n, s in ((N_BEST, 7), (2 * N, 8)))
    x, age, _, subjects = complete(few)
    error = mae(held_out("age", x, age, *by_subject(subjects)), age)
    x_many, age_many, _, _ = complete(many)
    centre, scale = x_many.mean(axis=0), x_many.std(axis=0)
    predict = trained("age", "ridge 1", (x_many - centre) / scale, age_many)
    best = mae(predict((x - centre) / scale), age)
    yield (
        f"Age of {2 * N} simulated subjects, each predicted by a model that has not seen them: {error:.2f} years. The best linear predictor, learnt from {N_BEST:,} "
        f"other subjects: {best:.2f} years; the first is {error / best - 1:.0%} larger.\n"
    )


HEADER = """# Brain age and usefulness: what they say where the truth is known, and of real tables

Printed by `{command}` on {date} ({cores} cores, Python {python}).

Models of age and sex are trained on the reference of a comparison alone: ridge regression or support vectors on volumes, chosen by inner
folds (`analysis/prediction.py`). No weights are shipped and nothing of the data below is part of this project: FCON1000 and NIMH
FreeSurfer volumes (PCNtoolkit-demo; open data), IXI volumes by SynthSeg (marver17/hippocampal-normative-models, CC BY-SA 3.0; IXI), SynthSeg
volumes of images sampled from the public brain latent diffusion model (Ahn-Ssu/GenAI_sexDiff).
"""

if __name__ == "__main__":
    main()
