"""Every plug-in that this installation can run, from the registries."""

from typing import Any

from analysis.registry import all_headlines
from analysis.results import ESTIMATES
from cohorts.registry import Plugin
from evaluation.segment_files import segmenters
from generation.planting import controls
from generation.registry import models


def catalogue() -> list[dict[str, Any]]:
    """Return one entry per plug-in: kind, name, label, unit, direction, question, source, summary."""
    headlines = [_entry("headline", p) for p in all_headlines()]
    estimates = [_entry("estimate", p) for p in ESTIMATES.discover("analysis.estimates")]
    planted = [_entry("control", p) for p in controls()]
    measuring = [_entry("segmenter", p) for p in segmenters()]
    return headlines + estimates + planted + measuring + [_entry("model", p) for p in models()]


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
