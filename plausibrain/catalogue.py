"""Every plug-in that this installation can run, from the registries."""

from typing import Any

from plausibrain.analysis.feature_registry import all_distances
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.results import ESTIMATES
from plausibrain.cohorts.registry import Plugin
from plausibrain.evaluation.diversity.pair_table import all_similarities
from plausibrain.evaluation.extraction import extractors
from plausibrain.evaluation.measuring import all_measures
from plausibrain.evaluation.segment_files import segmenters
from plausibrain.generation.injection import defects
from plausibrain.generation.registry import models


def catalogue() -> list[dict[str, Any]]:
    """Return one entry per plug-in: kind, name, label, unit, direction, question, source, summary."""
    headlines = [_entry("headline", p) for p in all_headlines()]
    estimates = [_entry("estimate", p) for p in ESTIMATES.discover("plausibrain.analysis.estimates")]
    injected = [_entry("defect", p) for p in defects()]
    measuring = [_entry("segmenter", p) for p in segmenters()]
    images = [_entry("measure", p) for p in all_measures()]
    images += [_entry("similarity", p) for p in all_similarities()]
    images += [_entry("extractor", p) for p in extractors()]
    images += [_entry("feature distance", p) for p in all_distances()]
    return headlines + estimates + images + injected + measuring + [_entry("model", p) for p in models()]


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
