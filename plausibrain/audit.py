"""The instrument against known truth: injected defects of known size, and no defect at all.

Every trial draws a reference and a generated cohort from the population model, injects one defect in the
generated one, and asks for the scorecard. The share of trials with a *fail* is the power to see the defect,
or, with nothing injected, the false-alarm rate. Each trial is stored under its own key, so an audit that is
killed goes on where it was.
"""

import datetime
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from plausibrain.analysis.analyse import judge
from plausibrain.analysis.complexity import complexity_of_pair
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.schemas import AUDIT
from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.cohorts.tables import write_table
from plausibrain.cohorts.typical_geometry import typical_geometry
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import Defect, defects, find_defect, inject
from plausibrain.generation.parcels import with_simulated_parcels
from plausibrain.provenance import METRIC_VERSION
from plausibrain.reports.audit import NO_DEFECT, write_audit_page
from plausibrain.reports.extra_section import worst_verdict

Progress = Callable[[str, int, int], None]
COMPLEXITY = "complexity"
SECTIONS = (COMPLEXITY,)


@dataclass(frozen=True)
class Trial:
    """One simulated comparison.

    Attributes
    ----------
    defect : str
        Name of the injected defect, or `none`.
    severity : float
    replicate : int
        Seeds the subjects.
    n : int
        Subjects per cohort.
    """

    defect: str
    severity: float
    replicate: int
    n: int


def plan_trials(
    *,
    n: int,
    replicates: int,
    null_replicates: int,
    only: Sequence[str] = (),
    severities: Sequence[float] = (),
) -> list[Trial]:
    """Return every trial of an audit; the trials without a defect come first.

    Raises
    ------
    DataError
        When a defect of `only` does not exist, or changes images.
    """
    for name in only:
        find_defect(name, "table")
    trials = [Trial(NO_DEFECT, 0.0, r, n) for r in range(null_replicates)]
    for plugin in defects("table"):
        if only and plugin.name not in only:
            continue
        ladder = severities or plugin.severities
        trials += [Trial(plugin.name, float(s), r, n) for s in ladder for r in range(replicates)]
    return trials


def run_trial(trial: Trial, settings: Settings) -> list[dict[str, Any]]:
    """Draw, inject and judge; return question, headline and verdict of every number that was measured.

    Reference, generated and training subjects (for defects that copy them) are independent draws.
    """
    base = 10 * trial.replicate
    reference = table_cohort(trial.n, seed=base, name="reference")
    generated = table_cohort(trial.n, seed=base + 1, name="generated")
    if trial.defect != NO_DEFECT:
        generated = _inject(trial, generated, reference, base)
    scorecard = judge(reference, generated, settings)
    rows = [{"question": 0, "headline": "", "verdict": scorecard["verdict"]}]
    for question in scorecard["questions"]:
        rows.append({"question": question["number"], "headline": "", "verdict": question["verdict"]})
        for h in question["headlines"]:
            rows.append({"question": question["number"], "headline": h["name"], "verdict": h["verdict"]})
    return [row for row in rows if row["verdict"] != "not measured"]


def run_sections(trial: Trial, settings: Settings) -> list[dict[str, Any]]:
    """Return the verdicts of sections of the report beside the scorecard, as rows of question 0.

    They need more than the scorecard (cortical parcels), and are judged where the defect declares them and
    where there is no defect.
    """
    declared = SECTIONS if trial.defect == NO_DEFECT else find_defect(trial.defect, "table").sections
    if COMPLEXITY not in declared:
        return []
    base = 10 * trial.replicate
    reference, generated = (
        with_simulated_parcels(table_cohort(trial.n, seed=base + k, name=name), seed=base + k)
        for k, name in enumerate(("reference", "generated"))
    )
    if trial.defect != NO_DEFECT:
        generated = _inject(trial, generated, reference, base)
    table = complexity_of_pair(reference, generated, typical_geometry(), settings)
    return [{"question": 0, "headline": COMPLEXITY, "verdict": worst_verdict(table["verdict"])}]


def _inject(trial: Trial, cohort: Cohort, reference: Cohort, base: int) -> Cohort:
    plugin = find_defect(trial.defect, "table")
    training = None
    if "training" in plugin.parameters:
        fresh = plugin.copies == "training"
        training = table_cohort(trial.n, seed=base + 2, name="training") if fresh else reference
    return inject(trial.defect, cohort, severity=trial.severity, seed=base + 3, training=training)


def run_audit(
    out: Path,
    trials: Sequence[Trial],
    settings: Settings,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Run every trial that is not stored yet and write `audit.tsv`.

    Parameters
    ----------
    out : Path
        Folder of the audit; holds the store of finished trials.
    trials : sequence of Trial
    settings : Settings
    workers : int
        Processes.
    progress : callable, optional

    Returns
    -------
    Path
        The table.
    """
    work = partial(_stored_trial, folder=str(out / "trials"), settings=settings)
    tell = progress or (lambda what, n_done, of: None)
    outcomes: list[list[dict[str, Any]]] = []
    for i, rows in enumerate(_map(work, trials, workers)):
        outcomes.append(rows)
        tell(trials[i].defect, i + 1, len(trials))
    return write_table(summarise(trials, outcomes), out / "audit.tsv", AUDIT)


def audit_to_page(
    out: Path,
    *,
    n: int,
    replicates: int,
    null_replicates: int,
    only: Sequence[str],
    n_resamples: int,
    n_splits: int,
    workers: int,
    progress: Progress | None = None,
) -> Path:
    """Run an audit and write its table and page; see `plan_trials` and `run_audit` for the arguments."""
    settings = Settings(n_resamples=n_resamples, n_splits=n_splits)
    trials = plan_trials(n=n, replicates=replicates, null_replicates=null_replicates, only=only)
    run_audit(out, trials, settings, workers=workers, progress=progress)
    command = (
        f"plausibrain audit --n {n} --replicates {replicates} --null-replicates {null_replicates} "
        f"--resamples {n_resamples} --splits {n_splits}" + "".join(f" --defect {name}" for name in only)
    )
    record = {
        "command": command, "date": str(datetime.datetime.now(datetime.UTC).date()), "cores": os.cpu_count(),
        "n_resamples": n_resamples, "n_splits": n_splits,
    }  # fmt: skip
    write_text_atomic(out / "settings.json", json.dumps(record, indent=1) + "\n")
    return write_audit_page(out)


def _map(work: Callable[[Trial], Any], trials: Sequence[Trial], workers: int) -> Iterator[Any]:
    if workers <= 1:
        yield from map(work, trials)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(work, trials, chunksize=1)


def _stored_trial(trial: Trial, *, folder: str, settings: Settings) -> list[dict[str, Any]]:
    store = Store(Path(folder))
    identity = settings.model_dump_json(), trial.defect, trial.severity, trial.replicate, trial.n
    key = store.key("audit", METRIC_VERSION, *identity)
    file = store.get(key, ".json")
    if file is not None:
        content: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        return content
    rows = run_trial(trial, settings) + run_sections(trial, settings)
    store.put(key, ".json", lambda path: path.write_text(json.dumps(rows), encoding="utf-8"))
    return rows


def summarise(trials: Sequence[Trial], outcomes: Sequence[list[dict[str, Any]]]) -> pd.DataFrame:
    """Count verdicts by defect, severity and headline; the result has the columns of `AUDIT`."""
    flat = [
        {"defect": t.defect, "severity": t.severity, "subjects": t.n, **row}
        for t, rows in zip(trials, outcomes, strict=True)
        for row in rows
    ]
    plugins = {p.name: p for p in defects("table")}
    rates = []
    keys = ["defect", "severity", "subjects", "question", "headline"]
    for values, group in pd.DataFrame(flat).groupby(keys, sort=False):
        head = dict(zip(keys, values, strict=True))
        plugin = plugins.get(str(head["defect"]))
        counts = group["verdict"].value_counts()
        no, total = int(counts.get("fail", 0)), len(group)
        low, high = proportion_confint(no, total, method="beta")
        rates.append(
            head
            | {
                "label": plugin.label if plugin else "No defect",
                "unit": plugin.unit if plugin else "",
                "declared": int(plugin is not None and _declares(plugin, head)),
                "trials": total, "n_fail": no, "n_pass": int(counts.get("pass", 0)),
                "n_inconclusive": int(counts.get("inconclusive", 0)),
                "share_fail": no / total, "ci_low": low, "ci_high": high,
            }
        )  # fmt: skip
    return pd.DataFrame(rates)[[column.name for column in AUDIT.columns]]


def _declares(plugin: Defect, head: Mapping[str, object]) -> bool:
    """Whether a defect declares that a question, or a section of the report, must see it."""
    return head["question"] in plugin.detects or head["headline"] in plugin.sections
