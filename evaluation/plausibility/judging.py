"""From one image with its labels to reasons why it cannot be a scan of a human brain.

Every check returns one number; a number outside the range of sound scans is a reason, in words. Ranges were
calibrated on scans that may shape what ships, real and simulated (`makers.calibrate_plausibility`), apart for
images of voxels finer and coarser than 1.4 mm; those that published norms give stand with their check.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.image_parts import run_parts
from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.plausibility.population import limits_content
from plausibrain.evaluation.plausibility.registry import CHECKS, CheckPlugin
from plausibrain.evaluation.plausibility.scene import Scene, make_scene
from plausibrain.evaluation.segmentation import Segmentation


def all_checks() -> list[CheckPlugin]:
    """Every check, by name."""
    return list(CHECKS.discover("plausibrain.evaluation.plausibility.checks"))


def measure_scene(scene: Scene) -> dict[str, float]:
    """Return the number of every check; NaN where it cannot be measured."""
    checks = all_checks()
    values = run_parts(*(partial(_measure, plugin, scene) for plugin in checks))
    return {plugin.name: value for plugin, value in zip(checks, values, strict=True)}


def _measure(plugin: CheckPlugin, scene: Scene) -> float:
    try:
        return float(plugin(**{name: getattr(scene, name) for name in plugin.parameters}))
    except MeasurementError:
        return math.nan


def implausible(
    values: Mapping[str, float], *, fine: bool, table: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """Return the reasons why an image is implausible; none for a sound one.

    Parameters
    ----------
    values : mapping
        Of `measure_scene`.
    fine : bool
        Whether the voxels are finer than 1.4 mm.
    table : mapping, optional
        Limits by size and check; those of this package where nothing is said.
    """
    limits = (table or shipped_limits())["limits"]["fine" if fine else "coarse"]
    reasons = []
    for plugin in all_checks():
        bounds = plugin.limits or limits.get(plugin.name)
        if bounds is not None:
            reasons += _reasons(plugin, values[plugin.name], bounds)
    return tuple(reasons)


def with_plausibility(result: Segmentation, image: Volume) -> Segmentation:
    """Return a segmentation with the numbers of all checks, a score, and the reasons why it is implausible.

    Parameters
    ----------
    result : Segmentation
    image : Volume
        The image without its head, in the orientation of the labels or in canonical orientation.

    Notes
    -----
    The quality score ``plausibility`` is 1 without a reason and 0 with one, so that question 1 counts the
    image among those whose segmentation is not trusted.
    """
    if result.labels is None or result.status == "failed":
        return result
    try:
        scene = make_scene(image, result.labels, result.volumes)
    except MeasurementError as error:
        return replace(result, status="flagged", reasons=(*result.reasons, f"implausible: {error}"))
    values = measure_scene(scene)
    reasons = implausible(values, fine=scene.is_fine)
    return replace(
        result,
        facts={**result.facts, **{f"plausibility_{name}": value for name, value in values.items()}},
        qc={**result.qc, "plausibility": float(not reasons)},
        status="flagged" if reasons else result.status,
        reasons=(*result.reasons, *reasons),
    )


def _reasons(plugin: CheckPlugin, value: float, bounds: tuple[float, float]) -> list[str]:
    low, high = bounds
    unit = f" {plugin.unit}" if plugin.unit else ""
    if math.isnan(value):
        return [f"implausible: {plugin.label.lower()} cannot be measured"]
    numbers = f"({plugin.label.lower()} {value:.3g}{unit}; sound scans {low:.3g} to {high:.3g})"
    if value < low and plugin.low:
        return [f"implausible: {plugin.low} {numbers}"]
    if value > high and plugin.high:
        return [f"implausible: {plugin.high} {numbers}"]
    return []


@cache
def shipped_limits() -> dict[str, Any]:
    """Return the calibrated limits of this package."""
    content: dict[str, Any] = json.loads(limits_content())
    return content
