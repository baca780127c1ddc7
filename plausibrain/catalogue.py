"""Every plug-in that this installation can run, from the registries."""

from typing import Any

from plausibrain.analysis.feature_registry import all_distances
from plausibrain.analysis.quantities import all_estimates
from plausibrain.analysis.registry import all_headlines
from plausibrain.cohorts.registry import Plugin
from plausibrain.evaluation.diversity.pair_table import all_similarities
from plausibrain.evaluation.extraction import extractors
from plausibrain.evaluation.measuring import all_measures
from plausibrain.evaluation.segment_files import segmenters
from plausibrain.generation.injection import defects
from plausibrain.generation.registry import models

_SINGULAR = {"similarities": "similarity", "feature_distances": "feature distance"}


def plugins() -> list[Plugin]:
    """Return every plug-in, by kind and name."""
    return [
        *all_headlines(), *all_estimates(), *all_measures(), *all_similarities(), *extractors(),
        *all_distances(), *defects(), *segmenters(), *models(),
    ]  # fmt: skip


def catalogue() -> list[dict[str, Any]]:
    """Return one entry per plug-in: kind, name, label, unit, direction, question, source, summary."""
    return [_entry(plugin) for plugin in plugins()]


def _entry(plugin: Plugin) -> dict[str, Any]:
    return {
        "kind": _SINGULAR.get(plugin.kind, plugin.kind.removesuffix("s")),
        "name": plugin.name,
        "label": plugin.label,
        "unit": plugin.unit,
        "better": plugin.better,
        "question": getattr(plugin, "question", None),
        "source": list(plugin.source),
        "summary": plugin.summary,
        "missing": list(plugin.missing),
    }
