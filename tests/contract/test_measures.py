"""What every measure keeps: scale, orientation, bounds, no sentinels, and the faults that it declares."""

import importlib
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from plausibrain.cohorts.registry import Plugin
from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.evaluation.image_normalisation import condition
from plausibrain.evaluation.measuring import REQUESTS, Value, all_measures, measure_scan
from plausibrain.generation.injection import defects, inject_in_image
from plausibrain.generation.norms import draw_subjects, draw_volumes
from plausibrain.generation.simulator.subject import Grid, simulate_subject
from plausibrain.reports.references import known_references

VOXEL_MM = 3.0
REFERENCES = known_references()
EVERY = pytest.mark.parametrize("plugin", all_measures(), ids=lambda plugin: plugin.name)
DECLARED = [
    pytest.param(plugin, defect, direction, id=f"{plugin.name}-{defect}")
    for plugin in all_measures()
    for defect, direction in plugin.detects.items()
]


@cache
def head() -> tuple[Volume, LabelMap]:
    """A simulated head with noise in its air."""
    subjects = draw_subjects(1, seed=8)
    drawn = simulate_subject(0, draw_volumes(subjects, seed=8).loc[0], age=50.0, seed=8, grid=Grid(VOXEL_MM))
    return drawn.image, drawn.labels


def measured(image: Volume, labels: LabelMap) -> dict[str, Value]:
    return {value.column: value for value in measure_scan(condition(image, labels, voxel_mm=VOXEL_MM))}


@cache
def original() -> dict[str, Value]:
    return measured(*head())


@cache
def injected(defect: str, severity: float) -> dict[str, Value]:
    return measured(*inject_in_image(defect, *head(), severity=severity, seed=0))


def of(plugin: Plugin, values: dict[str, Value]) -> np.ndarray:
    return np.array([v.value for v in values.values() if v.metric == plugin.name])


@EVERY
def test_a_head_with_noisy_air_has_every_number(plugin):
    values = [v for v in original().values() if v.metric == plugin.name]
    assert len(values) == len(plugin.parts)
    assert not any(v.reason for v in values)
    low, high = plugin.bounds
    assert all(low <= v.value <= high for v in values)


@EVERY
def test_the_scale_of_grey_values_does_not_matter(plugin):
    image, labels = head()
    for factor in (1e-3, 37.0):
        scaled = measured(Volume(image.data * np.float32(factor), image.affine), labels)
        # Grey values are float32; the search for a chi-squared distribution (qi2) stops at a tolerance.
        np.testing.assert_allclose(of(plugin, scaled), of(plugin, original()), rtol=2e-3, atol=1e-6)


def stored(part: Volume | LabelMap, axes: str) -> Volume | LabelMap:
    turn = ornt_transform(io_orientation(part.affine), axcodes2ornt(tuple(axes)))
    return type(part)(apply_orientation(part.data, turn), part.affine @ inv_ornt_aff(turn, part.shape))


@cache
def reordered(axes: str) -> dict[str, Value]:
    return measured(*(stored(part, axes) for part in head()))


@EVERY
@pytest.mark.parametrize("axes", ["LPS", "SRA"])
def test_storage_order_and_axis_flips_do_not_matter(plugin, axes):
    np.testing.assert_allclose(of(plugin, reordered(axes)), of(plugin, original()), rtol=1e-6)


@cache
def mirrored() -> dict[str, Value]:
    image, labels = head()
    return measured(replace(image, data=image.data[::-1]), replace(labels, data=labels.data[::-1]))


@EVERY
def test_a_mirrored_head_is_as_good(plugin):
    # Air is found on a coarse grid, of which mirroring moves the origin; its numbers move a little.
    rtol = 0.05 if "air" in plugin.parameters else 1e-3
    np.testing.assert_allclose(of(plugin, mirrored()), of(plugin, original()), rtol=rtol, atol=2e-4)


@cache
def stripped() -> dict[str, Value]:
    image, labels = head()
    brain = (labels.data > 0) & (labels.data < 500)
    return measured(Volume(np.where(brain, image.data, 0), image.affine), labels)


@EVERY
def test_without_a_head_what_needs_air_has_a_reason_and_the_rest_its_number(plugin):
    """Never -1 or 0: a stripped image and a whole head give the same numbers, or none."""
    values = [v for v in stripped().values() if v.metric == plugin.name]
    if "air" in plugin.parameters:
        assert all(math.isnan(v.value) and "stripped to the brain" in v.reason for v in values)
    else:
        # The smallest distance that blurring or a soft mask reaches beyond the brain is the edge of the mask.
        np.testing.assert_allclose([v.value for v in values], of(plugin, original()), rtol=1e-5)


@pytest.mark.parametrize(("plugin", "defect", "direction"), DECLARED)
def test_declared_faults_are_seen_and_larger_ones_more(plugin, defect, direction):
    severities = next(p for p in defects("image") if p.name == defect).severities
    first = next(iter(plugin.parts))
    name = f"{plugin.name}_{first}" if first else plugin.name
    small, large = (injected(defect, severity)[name].value for severity in (severities[0], severities[-1]))
    sign = 1 if direction == "rises" else -1
    assert sign * (large - original()[name].value) > 0
    assert sign * (large - small) > 0


def test_every_image_defect_is_seen_by_some_measure():
    seen = {defect for plugin in all_measures() for defect in plugin.detects}
    owed = {p.name for p in defects("image") if 7 in p.detects}
    assert owed <= seen


@EVERY
def test_every_measure_speaks_for_itself(plugin):
    assert set(plugin.parameters) <= set(REQUESTS)
    assert set(plugin.source) <= set(REFERENCES)
    assert set(plugin.detects.values()) <= {"rises", "falls"}
    assert plugin.better in ("higher", "lower", "closer")
    assert plugin.module.endswith(f".{plugin.name}")
    text = importlib.import_module(plugin.module).__doc__ or ""
    assert len(text) > 80, f"{plugin.name}: say what moves the number and how it misleads"
