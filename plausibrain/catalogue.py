"""Every plug-in that this installation can run, from the registries."""

from typing import Any

from analysis.feature_registry import all_distances
from analysis.registry import all_headlines
from analysis.results import ESTIMATES
from cohorts.registry import Plugin
from evaluation.diversity.pair_table import all_similarities
from evaluation.extraction import extractors
from evaluation.measuring import all_measures
from evaluation.segment_files import segmenters
from generation.planting import controls
from generation.registry import models


def catalogue() -> list[dict[str, Any]]:
    """Return one entry per plug-in: kind, name, label, unit, direction, question, source, summary."""
    headlines = [_entry("headline", p) for p in all_headlines()]
    estimates = [_entry("estimate", p) for p in ESTIMATES.discover("analysis.estimates")]
    planted = [_entry("control", p) for p in controls()]
    measuring = [_entry("segmenter", p) for p in segmenters()]
    images = [_entry("measure", p) for p in all_measures()]
    images += [_entry("similarity", p) for p in all_similarities()]
    images += [_entry("extractor", p) for p in extractors()]
    images += [_entry("feature distance", p) for p in all_distances()]
    return headlines + estimates + images + planted + measuring + [_entry("model", p) for p in models()]


def _entry(kind: str, plugin: Plugin) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": plugin.name,
        "label": plugin.label,
        "unit": plugin.unit,
        "better": plugin.better,
        "question": plugin.options.get("question"),
        "source": list(plugin.source),
        "summary": plugin.summary,
        "missing": list(plugin.missing),
    }
