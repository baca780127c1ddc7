"""The whole instrument against known truth: defects injected in images, segmented, measured and judged.

One cohort per defect, so this says what the report looks like, not how often; power and false-alarm rates
come from true volumes (`plausibrain.audit`). Beside the verdicts stand a distance of
image features and the similarity of pairs of the same images, the kinds of number that are usually reported.
"""

import datetime
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.processes import kept_processes, spread
from plausibrain.cohorts.schemas import AUDIT_IMAGES
from plausibrain.cohorts.store import Store, hash_file, write_text_atomic
from plausibrain.cohorts.tables import write_table
from plausibrain.config import ImageSettings, RunConfig, Source
from plausibrain.generation.defect_images import inject_in_images
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import defects, inject
from plausibrain.image_files import RECORD
from plausibrain.pipeline import measure_run, report_run
from plausibrain.provenance import METRIC_VERSION
from plausibrain.reports.audit import NO_DEFECT
from plausibrain.reports.audit_images import write_image_audit_page
from plausibrain.simulated_images import processes, segment_blind, simulate_and_segment

Report = Callable[[str, int, int], None]
REFERENCE, TRAINING = "reference", "training"
#: Beside a report: what it was written from, so that a repeated audit writes only what is missing.
NOTE, REFUSED = ".audit-key", "refused.txt"
N_QUESTIONS = 10
#: Pairs of images whose similarity is measured, per subject: as many as 1,000 pairs are among 500 subjects.
PAIRS_PER_SUBJECT = 2


@dataclass(frozen=True)
class Defect:
    """What is injected in one cohort.

    Attributes
    ----------
    name : str
        Name of the defect, or `none`.
    severity : float
    level : {"table", "image", ""}
    label, unit : str
    detects : tuple of int
        Questions that declare to see it.
    """

    name: str = NO_DEFECT
    severity: float = 0.0
    level: str = ""
    label: str = "No defect"
    unit: str = ""
    detects: tuple[int, ...] = ()


def audited_defects(only: Sequence[str] = ()) -> list[Defect]:
    """Return no defect, then every defect at the largest severity of its ladder."""
    plugins = [plugin for plugin in defects() if not only or plugin.name in only]
    return [Defect()] + [
        Defect(
            plugin.name,
            float(plugin.severities[-1]),
            plugin.level,
            plugin.label,
            plugin.unit,
            tuple(plugin.detects),
        )
        for plugin in plugins
    ]


def run_image_audit(
    out: Path,
    *,
    n: int,
    seed: int = 0,
    only: Sequence[str] = (),
    settings: Settings | None = None,
    progress: Report | None = None,
) -> Path:
    """Draw, inject, segment and judge one cohort per defect; write `audit_images.tsv` and its page.

    Parameters
    ----------
    out : Path
        Folder of the audit. Images and measurements that lie there are kept, so a killed audit goes on.
    n : int
        Subjects per cohort.
    seed : int
    only : sequence of str
        Names of defects; all of them when empty.
    settings : Settings, optional
        Of the analysis.
    progress : callable, optional
        Called as `progress(what, done, of)`.

    Returns
    -------
    Path
        The page.
    """
    plan, n_processes = audited_defects(only), processes()
    tell = progress or (lambda what, n_done, of: None)
    reference = table_cohort(n, seed=10 * seed, name=REFERENCE)
    sound = table_cohort(n, seed=10 * seed + 1, name="sound")
    training = table_cohort(n, seed=10 * seed + 2, name=TRAINING)
    configs = {defect: _config(defect, out, settings or Settings(), n) for defect in plan}

    def about(defect: Defect, number: int) -> Report:
        return lambda what, n_done, of: tell(f"{defect.label}: {what} {n_done}/{of}", number, 2 * len(plan))

    with kept_processes(n_processes):
        simulate_and_segment(reference, out, REFERENCE, seed=10 * seed, progress=about(Defect(), 0))
        for number, defect in enumerate(plan):
            _make_cohort(
                defect, sound, {TRAINING: training, REFERENCE: reference}, out, seed, about(defect, number)
            )
            with suppress(DataError):  # a cohort that cannot be reported on says so below
                measure_run(configs[defect], n_processes=n_processes, progress=about(defect, number))
        _report_missing(
            list(configs.values()),
            n_processes,
            lambda what, n_done, of: tell(f"{what} {n_done}/{of}", len(plan) + n_done, 2 * len(plan)),
        )
    tell("done", 1, 1)
    rows = [row for defect, config in configs.items() for row in _rows_of_report(defect, config, n)]
    write_table(
        pd.DataFrame(rows)[[column.name for column in AUDIT_IMAGES.columns]],
        out / "audit_images.tsv",
        AUDIT_IMAGES,
    )
    names = "".join(f" --defect {name}" for name in only)
    record = {
        "command": f"plausibrain audit --images --n {n} --seed {seed}{names}",
        "date": str(datetime.datetime.now(datetime.UTC).date()),
        "cores": os.cpu_count(),
    }
    write_text_atomic(out / "settings.json", json.dumps(record, indent=1) + "\n")
    return write_image_audit_page(out)


def _make_cohort(
    defect: Defect, sound: Cohort, sources: Mapping[str, Cohort], out: Path, seed: int, progress: Report
) -> None:
    """Write images and measured volumes of one defect below ``out``."""
    place = defect.name
    if defect.level == "image":
        images = read_cohort(out / "cohorts" / NO_DEFECT, name="sound")
        defective = inject_in_images(
            defect.name, images, out / "cohorts" / place, severity=defect.severity, seed=seed,
            on_image=lambda n_done, of: progress("injecting", n_done, of),
        )  # fmt: skip
        segment_blind(defective, out / "segmented" / place, progress=progress)
        return
    cohort = sound
    if defect.level == "table":
        plugin = next(p for p in defects("table") if p.name == defect.name)
        training = sources[plugin.copies] if "training" in plugin.parameters else None
        cohort = inject(defect.name, sound, severity=defect.severity, seed=seed, training=training)
    simulate_and_segment(replace(cohort, name=place), out, place, seed=10 * seed + 1, progress=progress)


def _config(defect: Defect, out: Path, settings: Settings, n: int) -> RunConfig:
    segmentations = out / "segmented"
    return RunConfig(
        reference=Source(path=segmentations / REFERENCE, name=REFERENCE),
        generated=Source(path=segmentations / defect.name, name=defect.label),
        out=out / "runs" / defect.name,
        settings=settings,
        images=ImageSettings(n_pairs=PAIRS_PER_SUBJECT * n),
    )


def _report_missing(configs: Sequence[RunConfig], n_processes: int, progress: Report) -> None:
    """Write the reports that do not lie there yet, and beside each what it was written from."""
    todo = [config for config in configs if not _is_written(config)]
    for n_done, (config, _) in enumerate(spread(report_or_reason, todo, n_processes), start=1):
        write_text_atomic(config.out / NOTE, _key(config))
        progress("reports", n_done, len(todo))


def report_or_reason(config: RunConfig) -> None:
    """Write the report, or why there is none: a defect may leave too few subjects who can be measured."""
    reason = config.out / REFUSED
    reason.unlink(missing_ok=True)
    try:
        report_run(config)
    except DataError as error:
        write_text_atomic(reason, str(error))


def _is_written(config: RunConfig) -> bool:
    note = config.out / NOTE
    return note.is_file() and note.read_text(encoding="utf-8") == _key(config)


def _key(config: RunConfig) -> str:
    """Name what a report is written from: settings, segmentations, definitions of the headlines."""
    sources = (config.reference, config.generated)
    content = [hash_file(source.path / RECORD) for source in sources if source is not None]
    return Store.key(config.model_dump(mode="json"), content, METRIC_VERSION)


def _rows_of_report(defect: Defect, config: RunConfig, n: int) -> Iterator[dict[str, Any]]:
    """Read the scorecard of one cohort; yield a row per question and headline."""
    reason = config.out / REFUSED
    if reason.is_file():
        yield from _refusal(defect, n, reason.read_text(encoding="utf-8"))
        return
    scorecard = json.loads((config.out / "scorecard.json").read_text(encoding="utf-8"))
    identity = _identity(defect, n)
    for question in scorecard["questions"]:
        should_fail = int(question["number"] in defect.detects)
        yield identity | _row(question, should_fail, question["verdict"], None)
        for headline in question["headlines"]:
            yield identity | _row(question, should_fail, headline["verdict"], headline)


def _identity(defect: Defect, n: int) -> dict[str, Any]:
    return {
        "defect": defect.name, "label": defect.label, "severity": defect.severity,
        "unit": defect.unit, "level": defect.level, "subjects": n,
    }  # fmt: skip


def _refusal(defect: Defect, n: int, reason: str) -> Iterator[dict[str, Any]]:
    """Yield a row per question of a cohort that no report could be written about."""
    for number in range(1, N_QUESTIONS + 1):
        question = {"number": number, "name": f"refused: {reason}"}
        yield _identity(defect, n) | _row(question, int(number in defect.detects), "refused", None)


def _row(
    question: dict[str, Any], should_fail: int, verdict: str, headline: dict[str, Any] | None
) -> dict[str, Any]:
    entry = headline or {}
    null = entry.get("null") or {}
    return {
        "question": question["number"],
        "declared": should_fail,
        "headline": entry.get("name", ""),
        "headline_label": entry.get("label", question["name"]),
        "verdict": verdict,
        "estimate": entry.get("estimate"),
        "ci_low": entry.get("ci_low"),
        "ci_high": entry.get("ci_high"),
        "null_low": null.get("low"),
        "null_high": null.get("high"),
    }
