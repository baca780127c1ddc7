"""Does a report keep what `plan` promises? The planned power beside the share of whole reports that say so.

    python -m benchmarks.plan_reports --trials 100 --log reports.jsonl
    python -m benchmarks.plan_reports --trials 0 --log reports.jsonl --out docs/planning.md

Both cohorts come from the population model. In the generated one either heads are larger, with everything in
them, or one structure is larger at equal age, sex and head size, by a known number of standard deviations.
Every report evaluates its headlines, corrects over all of them by Holm's procedure and gives its verdicts.
Cells take turns, so that a run that is stopped has as many reports in each, and a run that is repeated with
the same log goes on where the last one stopped.

Headlines about predicted ages and sexes and about downstream use take two thirds of the time of a report. They
stand in Holm's correction as tests that do not fail and are computed only for the first `--whole` reports of
every cell, which must come out alike.
"""

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from benchmarks.audit_cells import DOWNSTREAM, PREDICTED, volumes_of
from benchmarks.machine import stamp
from plausibrain.analysis.decisions import holm_divisors
from plausibrain.analysis.design import describe_design
from plausibrain.analysis.evaluate import Headline, Pairs, evaluate_headlines
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.pair import full_pair
from plausibrain.analysis.planning import ASEG_STRUCTURES, Of, verdict_power
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.scorecard import headline_entry
from plausibrain.analysis.settings import Settings
from plausibrain.audit import Trial, run_trial
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.structures import TIV
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import defects
from plausibrain.planning import LADDER, plan_defect

STRUCTURE = "Left-Hippocampus"
SETTINGS = Settings(n_resamples=300, n_splits=40)
N_POPULATION = 4000
UNCOUNTED = (*PREDICTED, *DOWNSTREAM)
#: Defects that have no formula: name, severity, power.
DEFECTS = (("shrunken_variance", 0.5, 0.8),)


@dataclass(frozen=True)
class Cell:
    """What differs, subjects per cohort and the true difference, SD; within the margin *pass* is right."""

    of: Of
    n_reference: int
    n_generated: int
    effect: float

    @property
    def right(self) -> str:
        """The right verdict."""
        return "pass" if self.effect < SETTINGS.margin else "fail"

    @property
    def key(self) -> str:
        """What the log calls the cell."""
        return f"{self.of} {self.n_reference} {self.n_generated} {self.effect:g}"


#: Planned powers from a quarter to three quarters, where a wrong formula would show most.
CELLS = (
    Cell("structure", 120, 120, 0.5), Cell("structure", 200, 200, 0.5), Cell("structure", 300, 150, 0.5),
    Cell("structure", 400, 400, 0.05), Cell("head", 120, 120, 0.4), Cell("head", 200, 200, 0.4),
    Cell("head", 300, 150, 0.35), Cell("head", 400, 400, 0.05),
)  # fmt: skip


@cache
def population() -> tuple[pd.Series, pd.Series, float]:
    """Return how much comparable subjects differ (mm3) and slopes on head size of every structure, and TIV's SD."""
    cohort = table_cohort(N_POPULATION, seed=9, name="population")
    frame = build_frame(prepare_samples(cohort, cohort, min_subjects=10), SETTINGS)
    pair, names = full_pair(frame), list(frame.structures)
    s, heads = len(names), volumes_of(cohort)[TIV].to_numpy(dtype=float)
    spread = pair.residual_sd("reference", "covariate")[0, :s] * frame.scale[:s]
    per_sd = pair.within("reference", "covariate").beta[0, frame.columns.index("tiv"), :s] * frame.scale[:s]
    head = float(pair.residual_sd("reference", "none")[0, -1] * frame.scale[-1])
    return pd.Series(spread, names), pd.Series(per_sd / heads.std(), names), head


def with_difference(cohort: Cohort, cell: Cell) -> Cohort:
    """Return the cohort with larger heads and what they explain, or with one larger structure."""
    spread, slope, head = population()
    volumes = volumes_of(cohort).copy()
    if cell.of == "structure":
        volumes[STRUCTURE] += cell.effect * spread[STRUCTURE]
    else:
        volumes[TIV] += cell.effect * head
        volumes[list(slope.index)] += slope * cell.effect * head
    return replace(cohort, volumes=volumes)


def report(cell: Cell, trial: int, *, whole: bool) -> dict[str, Any]:
    """Return the verdict on what differs, that of its question, and over how many headlines it was corrected."""
    sides = [
        table_cohort(n, seed=60_000 + 10_000 * CELLS.index(cell) + 2 * trial + k, name=name)
        for k, (n, name) in enumerate(((cell.n_reference, "reference"), (cell.n_generated, "generated")))
    ]
    plain = [replace(s, subjects=s.subjects.drop(columns=_requests(s))) for s in sides]
    samples = prepare_samples(plain[0], with_difference(plain[1], cell), min_subjects=SETTINGS.min_subjects)
    frame = build_frame(samples, SETTINGS)
    plugins = [plugin for plugin in all_headlines() if whole or plugin.name not in UNCOUNTED]
    headlines = evaluate_headlines(plugins, Pairs.of(frame))
    design = describe_design(frame)
    p = [math.nan if set(h.plugin.assumes) & set(design.violations) else h.p for h in headlines]
    p += [] if whole else [1.0] * len(UNCOUNTED)
    divisors = holm_divisors(p, SETTINGS.alpha)
    entries = {
        h.plugin.name: headline_entry(h, design, SETTINGS, k)
        for h, k in zip(headlines, divisors, strict=False)
    }
    size = [entries[h.plugin.name]["verdict"] for h in headlines if h.plugin.question == 2]
    return {
        "cell": cell.key, "trial": trial, "whole": whole, "verdict": _verdict(cell, headlines, entries),
        "question": "fail" if "fail" in size else "", "tests": sum(map(math.isfinite, p)),
    }  # fmt: skip


def _requests(cohort: Cohort) -> list[str]:
    return [str(c) for c in cohort.subjects if str(c).startswith("requested_")]


def _verdict(cell: Cell, headlines: list[Headline], entries: dict[str, dict[str, Any]]) -> str:
    """Return the verdict on head size, or of the map of sizes on the one structure."""
    if cell.of == "head":
        return str(entries["size_head"]["verdict"])
    if any(row["structure"] == STRUCTURE for row in entries["size_worst"]["failing"]):
        return "fail"
    test = next(h.structures for h in headlines if h.plugin.name == "size_worst")
    if test is None:
        return "not measured"
    at = test.names.index(STRUCTURE)
    inside = -test.margin[at] <= test.pass_low[at] and test.pass_high[at] <= test.margin[at]
    return "pass" if inside else "inconclusive"


def planned(cell: Cell) -> float:
    """Return the power by the formula of `plan`."""
    return verdict_power(
        cell.n_reference, cell.n_generated, margin=SETTINGS.margin, effect=cell.effect,
        alpha=SETTINGS.alpha, of=cell.of, n_structures=ASEG_STRUCTURES,
    )  # fmt: skip


def defect_reports(name: str, severity: float, power: float, fresh: int) -> dict[str, Any]:
    """Return the number that `plan` gives for a defect, and how many fresh reports of that number say *fail*."""
    plugin = next(p for p in defects("table") if p.name == name)
    plan = plan_defect(name, severity, power=power)
    n, hits = int(plan["n_generated"]), 0
    for trial in range(fresh):
        rows = run_trial(Trial(name, severity, 1000 + trial, n), SETTINGS)
        hits += any(
            r["question"] in plugin.detects and not r["headline"] and r["verdict"] == "fail" for r in rows
        )
    return {
        "cell": "defect", "label": plugin.label, "unit": plugin.unit, "severity": severity, "power": power,
        "n": n, "hits": hits, "fresh": fresh,
    }  # fmt: skip


def page(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the page."""
    reports = [row for row in rows if row["cell"] != "defect" and not row["whole"]]
    yield "# Planned power and that of reports\n"
    yield (
        "Printed by `python -m benchmarks.plan_reports --log LOG --out docs/planning.md` on "
        f"{stamp()}, {SETTINGS.n_resamples} resamples and {SETTINGS.n_splits} splits.\n"
    )
    yield (
        "`plausibrain plan` gives the number of subjects at which a report reaches the right verdict with a "
        "wanted chance. Here both cohorts are new samples of the population model with a known difference, and "
        "the share of simulated reports that reach the verdict stands beside the chance that `plan` states, with "
        "its exact 95 % interval. *Question 2 fails* counts reports that fail on size through any headline.\n"
    )
    yield (
        "| difference of | n ref. / gen. | SD | right verdict | planned | reports that say so | of | question 2 "
        "fails |\n|---|---|---|---|---|---|---|---|"
    )
    gaps, variance, inside = [], 0.0, 0
    for cell in CELLS:
        own = [row for row in reports if row["cell"] == cell.key]
        if not own:
            continue
        count, n = sum(row["verdict"] == cell.right for row in own), len(own)
        gaps.append(count / n - planned(cell))
        variance += planned(cell) * (1 - planned(cell)) / n
        low, high = proportion_confint(count, n, method="beta")
        inside += low <= planned(cell) <= high
        fails = sum(row["question"] == "fail" for row in own)
        yield (
            f"| {cell.of} | {cell.n_reference} / {cell.n_generated} | {cell.effect:g} | {cell.right} | "
            f"{planned(cell):.0%} | {_share(count, n)} | {n} | {fails / n:.0%} |"
        )
    mean, arm = 100 * float(np.mean(gaps)), 196 * math.sqrt(variance) / len(gaps)
    yield (
        f"\n**On average over these cells reports reach the verdict {abs(mean):.1f} points "
        f"{'more' if mean > 0 else 'less'} often than planned (95 % interval {mean - arm:+.1f} to "
        f"{mean + arm:+.1f}).** The largest difference of a cell is {100 * max(gaps, key=abs):+.0f} points; the "
        f"planned power lies within the interval of {inside} of {len(gaps)} cells. "
        f"Reports correct over {_tests(reports)} headlines; `plan` assumes 25.\n"
    )
    yield from _whole(rows)
    yield from _defects(rows)


def _share(count: int, n: int) -> str:
    low, high = proportion_confint(count, n, method="beta")
    return f"{count / n:.0%} ({low:.0%} to {high:.0%})"


def _tests(reports: list[dict[str, Any]]) -> str:
    n = sorted({row["tests"] for row in reports})
    return f"{n[0]}" if len(n) == 1 else f"{n[0]} to {n[-1]}"


def _whole(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Say how often reports with every headline agree with those that leave slow ones uncomputed."""
    quick = {(r["cell"], r["trial"]): r for r in rows if r["cell"] != "defect" and not r["whole"]}
    whole = [r for r in rows if r["cell"] != "defect" and r["whole"] and (r["cell"], r["trial"]) in quick]
    same = sum(r["verdict"] == quick[r["cell"], r["trial"]]["verdict"] for r in whole)
    yield (
        f"Headlines about predicted ages and sexes and about downstream use ({', '.join(UNCOUNTED)}) stand in "
        "the correction of these reports as tests that do not fail, and are not computed. Of "
        f"{len(whole)} reports that computed them too, {same} gave the same verdict.\n"
    )


def _defects(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in (row for row in rows if row["cell"] == "defect"):
        bound = "at most " if row["n"] == LADDER[0] else ""
        yield (
            f"What has no formula is planned by simulated reports. {row['label']} ({row['severity']:g} "
            f"{row['unit']}) with {row['power']:.0%} power: `plan` says {bound}{row['n']} subjects per cohort; of "
            f"{row['fresh']} fresh reports with that number {_share(row['hits'], row['fresh'])} say *fail*.\n"
        )


def read_log(log: Path) -> list[dict[str, Any]]:
    """Return the finished reports of a log."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def work(trials: int, whole: int, fresh: int, log: Path) -> None:
    """Make every report that the log does not hold."""
    have = {(row["cell"], row.get("trial"), row.get("whole")) for row in read_log(log)}
    for trial in range(trials):
        for cell in CELLS:
            for every in (False, True) if trial < whole else (False,):
                if (cell.key, trial, every) not in have:
                    _write(log, report(cell, trial, whole=every))
    if fresh and ("defect", None, None) not in have:
        for name, severity, power in DEFECTS:
            _write(log, defect_reports(name, severity, power, fresh))


def _write(log: Path, row: dict[str, Any]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def main() -> None:
    """Make reports and print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=100, help="reports per cell")
    parser.add_argument("--whole", type=int, default=3, help="of these with every headline")
    parser.add_argument("--fresh", type=int, default=60, help="fresh reports of a planned defect")
    parser.add_argument("--log", type=Path, required=True, help="JSON lines, one per report")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    work(args.trials, args.whole, args.fresh, args.log)
    if args.out:
        args.out.write_text("\n".join(page(read_log(args.log))).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
