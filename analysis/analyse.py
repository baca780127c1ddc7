"""The whole analysis: two cohorts in, a scorecard and tables out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from plausibrain.analysis import report_tables
from plausibrain.analysis.design import describe_design
from plausibrain.analysis.estimates.conditioning import dose_table
from plausibrain.analysis.evaluate import Pairs, evaluate_headline, evaluate_headlines
from plausibrain.analysis.handedness import mirrored_notes
from plausibrain.analysis.independent import groups_of, same_segmenter
from plausibrain.analysis.joint_design import Frame, build_frame
from plausibrain.analysis.nearest_table import nearest_table
from plausibrain.analysis.plausibility import plausibility_table
from plausibrain.analysis.quantities import all_estimates
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.results import COLUMNS
from plausibrain.analysis.row_verdicts import with_verdicts_of_headlines
from plausibrain.analysis.sample import Samples, prepare_samples
from plausibrain.analysis.scorecard import build_scorecard
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.unusual_subjects import case_table
from plausibrain.cohorts.cohort import Cohort, notes_table

Progress = Callable[[str, int, int], None]
"""Called as `progress(what, done, of)`."""


@dataclass(frozen=True)
class Analysis:
    """Everything that one analysis found.

    Attributes
    ----------
    scorecard : dict
        As in docs/architecture.md, without names and fingerprint.
    tables : dict of str to DataFrame
        By the name of their schema.
    protocol : dict
        What must agree before two analyses may be compared.
    """

    scorecard: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    protocol: dict[str, Any]


@threadpool_limits.wrap(limits=1)  # sums of several threads differ in their last digits
def analyse(
    reference: Cohort,
    generated: Cohort,
    settings: Settings | None = None,
    *,
    training: Cohort | None = None,
    independent: Cohort | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Compare a generated with a reference cohort.

    Parameters
    ----------
    reference, generated : Cohort
        With volumes (mm³) from the same segmentation program.
    settings : Settings, optional
    training : Cohort, optional
        Subjects that the generator was trained on, with the same features of images.
    independent : Cohort, optional
        Patients and controls (column `diagnosis`) with volumes, for accelerated ageing.
    progress : callable, optional
        Called as `progress(what, done, of)` before every step.

    Returns
    -------
    Analysis

    Raises
    ------
    DataError
        When the cohorts cannot be compared; the message names file and remedy.
    """
    settings = settings or Settings()
    tell = progress or (lambda what, step, of: None)
    samples = prepare_samples(
        reference, generated, min_subjects=settings.min_subjects, training=training, rules=settings.rules
    )
    frame = build_frame(samples, settings)
    if independent is not None:
        frame = replace(frame, independent=groups_of(same_segmenter(independent, reference), frame))
    pairs = Pairs.of(frame)
    headline_plugins, estimate_plugins = all_headlines(), all_estimates()
    steps = len(headline_plugins) + len(estimate_plugins)
    headlines = []
    for i, plugin in enumerate(headline_plugins):
        tell(plugin.label, i, steps)
        headlines.append(evaluate_headline(plugin, pairs))
    results = []
    for i, estimate in enumerate(estimate_plugins, len(headline_plugins)):
        tell(estimate.label, i, steps)
        results.append(estimate(pairs))
    tell("done", steps, steps)
    scorecard = build_scorecard(headlines, describe_design(frame), settings)
    from_pairs = {
        "curves": report_tables.curve_table(pairs), "dose": dose_table(pairs),
        "nearest": nearest_table(pairs.full),
    }  # fmt: skip
    del pairs  # the weights of all replicates are most of the memory of a large run
    tables = {
        "subjects": _subjects(samples, reference, generated),
        "volumes": report_tables.volumes_table(frame),
        "results": with_verdicts_of_headlines(_gather(results), headlines, scorecard, settings),
        "draws": report_tables.draws_table(headlines),
        "null_draws": report_tables.null_draws_table(headlines),
        "balance": report_tables.balance_table(samples.reference, samples.generated),
        "curves": from_pairs["curves"],
        "correlations": report_tables.correlation_table(frame),
        "dose": from_pairs["dose"],
        "pairs": _pairs_of_images(samples),
        "nearest": from_pairs["nearest"],
        "cases": case_table(frame),
        "plausibility": plausibility_table(frame),
        "notes": _notes(frame, samples, reference, generated),
    }
    return Analysis(scorecard, tables, protocol_of(frame, reference, headline_plugins))


def judge(reference: Cohort, generated: Cohort, settings: Settings | None = None) -> dict[str, Any]:
    """Return the scorecard alone: every headline and verdict, no tables.

    What simulations of the benchmark itself call thousands of times; see `analyse` for the arguments.
    """
    settings = settings or Settings()
    frame = build_frame(
        prepare_samples(reference, generated, min_subjects=settings.min_subjects, rules=settings.rules),
        settings,
    )
    pairs = Pairs.of(frame)
    headlines = evaluate_headlines(all_headlines(), pairs)
    return build_scorecard(headlines, describe_design(frame), settings)


def _pairs_of_images(samples: Samples) -> pd.DataFrame:
    both = (("reference", samples.reference), ("generated", samples.generated))
    parts = [s.pairs.assign(cohort=role) for role, s in both if s.pairs is not None]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _gather(results: list[pd.DataFrame]) -> pd.DataFrame:
    parts = [table.reindex(columns=COLUMNS).astype(object) for table in results if len(table)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return table.infer_objects()


def _subjects(samples: Samples, reference: Cohort, generated: Cohort) -> pd.DataFrame:
    both = [
        c.subjects.assign(cohort=role) for role, c in (("reference", reference), ("generated", generated))
    ]
    table = pd.concat(both, ignore_index=True)
    table["status"] = ["excluded" if out else "ok" for out in samples.excluded["excluded"]]
    table["reason"] = samples.excluded["reason"].to_numpy()
    return table


def _notes(frame: Frame, samples: Samples, reference: Cohort, generated: Cohort) -> pd.DataFrame:
    parts = [
        notes_table(c.notes, cohort=role) for role, c in (("reference", reference), ("generated", generated))
    ]
    parts += [notes_table([note], cohort="" if role == "both" else role) for role, note in samples.notes]
    parts += [notes_table([note], cohort=role) for role, note in mirrored_notes(frame)]
    return pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)


def protocol_of(frame: Frame, reference: Cohort, plugins: list[Any]) -> dict[str, Any]:
    """Return what decides the numbers and verdicts of an analysis: settings, structures, segmenter, margins.

    Margins are listed as they apply, so that a metric whose margin changes has another fingerprint even
    where no setting did.
    """
    margins = {plugin.name: plugin.margin for plugin in plugins}
    return {
        "settings": frame.settings.model_dump(mode="json"),
        "structures": sorted(frame.structures),
        "segmenter": reference.segmenter,
        "headlines": [plugin.name for plugin in plugins],
        "margins": {name: None if of is None else _numbers(of(frame)) for name, of in margins.items()},
    }


def _numbers(margin: tuple[float, float]) -> list[float | None]:
    """Return a margin as JSON holds it; an open side is None."""
    return [float(side) if np.isfinite(side) else None for side in margin]
