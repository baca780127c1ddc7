"""The instrument against known truth: planted defects of known size, and no defect at all.

Every trial draws a reference and a generated cohort from the population model, plants one defect in the
generated one, and asks for the scorecard. The share of trials with a *no* is the power to see the defect, or,
with nothing planted, the false-alarm rate. Each trial is stored under its own key, so an audit that is killed
goes on where it was.
"""

import datetime
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from plausibrain.analysis.analyse import judge
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.schemas import AUDIT
from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.cohorts.tables import write_table
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.planting import controls, plant
from plausibrain.provenance import METRIC_VERSION
from plausibrain.reports.audit import NO_DEFECT, write_audit_page

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trial:
    """One simulated comparison.

    Attributes
    ----------
    control : str
        Name of the planted defect, or `none`.
    severity : float
    replicate : int
        Seeds the people.
    n : int
        People per cohort.
    """

    control: str
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
    """Return every trial of an audit; the trials without a defect come first."""
    trials = [Trial(NO_DEFECT, 0.0, r, n) for r in range(null_replicates)]
    for plugin in controls("table"):
        if only and plugin.name not in only:
            continue
        ladder = severities or plugin.options["severities"]
        trials += [Trial(plugin.name, float(s), r, n) for s in ladder for r in range(replicates)]
    return trials


def run_trial(trial: Trial, settings: Settings) -> list[dict[str, Any]]:
    """Draw, plant and judge; return question, headline and verdict of every number that was measured.

    Reference, generated and training people (for controls that copy them) are independent draws.
    """
    base = 10 * trial.replicate
    reference = table_cohort(trial.n, seed=base, name="reference")
    generated = table_cohort(trial.n, seed=base + 1, name="generated")
    if trial.control != NO_DEFECT:
        generated = _planted(trial, generated, base)
    scorecard = judge(reference, generated, settings)
    rows = [{"question": 0, "headline": "", "verdict": scorecard["verdict"]}]
    for question in scorecard["questions"]:
        rows.append({"question": question["number"], "headline": "", "verdict": question["verdict"]})
        for h in question["headlines"]:
            rows.append({"question": question["number"], "headline": h["name"], "verdict": h["verdict"]})
    return [row for row in rows if row["verdict"] != "not measured"]


def _planted(trial: Trial, cohort: Cohort, base: int) -> Cohort:
    plugin = next(p for p in controls("table") if p.name == trial.control)
    training = (
        table_cohort(trial.n, seed=base + 2, name="training") if "training" in plugin.parameters else None
    )
    return plant(trial.control, cohort, severity=trial.severity, seed=base + 3, training=training)


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
    tell = progress or (lambda what, done, of: None)
    found: list[list[dict[str, Any]]] = []
    for i, rows in enumerate(_map(work, trials, workers)):
        found.append(rows)
        tell(trials[i].control, i + 1, len(trials))
    return write_table(summarise(trials, found), out / "audit.tsv", AUDIT)


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
        f"--resamples {n_resamples} --splits {n_splits}" + "".join(f" --control {name}" for name in only)
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
    known = settings.model_dump_json(), trial.control, trial.severity, trial.replicate, trial.n
    key = store.key("audit", METRIC_VERSION, *known)
    stored = store.get(key, ".json")
    if stored is not None:
        content: list[dict[str, Any]] = json.loads(stored.read_text(encoding="utf-8"))
        return content
    rows = run_trial(trial, settings)
    store.put(key, ".json", lambda path: path.write_text(json.dumps(rows), encoding="utf-8"))
    return rows


def summarise(trials: Sequence[Trial], found: Sequence[list[dict[str, Any]]]) -> pd.DataFrame:
    """Count verdicts by control, severity and headline; the result has the columns of `AUDIT`."""
    flat = [
        {"control": t.control, "severity": t.severity, "people": t.n, **row}
        for t, rows in zip(trials, found, strict=True)
        for row in rows
    ]
    known = {p.name: p for p in controls("table")}
    counted = []
    keys = ["control", "severity", "people", "question", "headline"]
    for values, group in pd.DataFrame(flat).groupby(keys, sort=False):
        head = dict(zip(keys, values, strict=True))
        plugin = known.get(str(head["control"]))
        counts = group["verdict"].value_counts()
        no, total = int(counts.get("no", 0)), len(group)
        low, high = proportion_confint(no, total, method="beta")
        counted.append(
            head
            | {
                "label": plugin.label if plugin else "No defect",
                "unit": plugin.unit if plugin else "",
                "declared": int(plugin is not None and head["question"] in plugin.options["detects"]),
                "trials": total, "n_no": no, "n_yes": int(counts.get("yes", 0)),
                "n_cannot_tell": int(counts.get("cannot tell", 0)),
                "share_no": no / total, "ci_low": low, "ci_high": high,
            }
        )  # fmt: skip
    return pd.DataFrame(counted)[[column.name for column in AUDIT.columns]]
