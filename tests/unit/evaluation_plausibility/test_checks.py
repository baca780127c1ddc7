"""Every check moves to its own side when the image gets the fault that it looks for."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.evaluation.plausibility.checks.cut_face import cut_face
from plausibrain.evaluation.plausibility.judging import (
    all_checks,
    implausible,
    measure_scene,
    with_plausibility,
)
from plausibrain.evaluation.plausibility.scene import Scene, View, make_scene
from plausibrain.evaluation.segmentation import Segmentation
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.subject import Grid, SimulatedPerson, simulate_subject


@pytest.fixture(scope="module")
def subject() -> SimulatedPerson:
    cohort = table_cohort(1, seed=3, name="one")
    return simulate_subject(0, cohort.volumes.iloc[0], age=40.0, seed=3, grid=Grid(2.0), skull_strip=True)


def brain_labels(subject: SimulatedPerson) -> LabelMap:
    labels = np.where(subject.labels.data > 100, 0, subject.labels.data)
    return LabelMap(labels, subject.labels.affine)


def scene_of(subject: SimulatedPerson, data: np.ndarray, labels: LabelMap | None = None) -> Scene:
    volumes = {str(name): float(mm3) for name, mm3 in subject.volumes.items()}
    return make_scene(Volume(data, subject.image.affine), labels or brain_labels(subject), volumes)


@pytest.fixture(scope="module")
def sound(subject: SimulatedPerson) -> dict[str, float]:
    return measure_scene(scene_of(subject, subject.image.data))


def checkers(shape: tuple[int, ...]) -> np.ndarray:
    return 1 - 2 * (np.indices(shape).sum(0) % 2)


def doubled(data: np.ndarray) -> np.ndarray:
    return data[:, :, np.arange(data.shape[2]) // 2 * 2]


def with_blobs(data: np.ndarray) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(data.shape), 5)
    return data * np.maximum(1 + 0.25 * noise / noise.std(), 0)


def with_hole(data: np.ndarray) -> np.ndarray:
    axes = [np.arange(n) - c for n, c in zip(data.shape, np.array(data.shape) // 2 + (12, 0, 0), strict=True)]
    inside = axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2 < 25
    return np.where(inside, 0, data)


def mirrored(data: np.ndarray) -> np.ndarray:
    half = data.shape[0] // 2
    return np.concatenate([data[:half], data[:half][::-1]])


FAULTS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int]] = {
    "border_strength": (lambda data: ndimage.gaussian_filter(data, 1.5), -1),
    "fine_noise": (lambda data: data * (1 + 0.2 * checkers(data.shape)), 1),
    "fine_drop": (lambda data: ndimage.gaussian_filter(data, 1.5), -1),
    "seams": (doubled, 1),
    "shading": (with_blobs, 1),
    "void": (with_hole, 1),
    "mirror_likeness": (mirrored, 1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_image_moves_its_check(
    name: str, subject: SimulatedPerson, sound: dict[str, float]
) -> None:
    fault, side = FAULTS[name]
    scene = scene_of(subject, fault(subject.image.data))
    check = next(plugin for plugin in all_checks() if plugin.name == name)
    value = check(**{asked: getattr(scene, asked) for asked in check.parameters})
    assert side * (value - sound[name]) > 0.15 * abs(sound[name])


def test_all_checks_measure_a_sound_image(sound: dict[str, float]) -> None:
    assert {name for name, value in sound.items() if math.isnan(value)} == set()
    for plugin in all_checks():
        low, high = plugin.bounds
        assert low <= sound[plugin.name] <= high, plugin.name
        assert plugin.low or plugin.high


def test_the_flat_face_of_a_cut_ball_has_its_area() -> None:
    """A ball of radius 60 mm cut 20 mm below its top has a face of pi (60^2 - 40^2) mm2."""
    axis = (np.arange(70) - 34.5) * 2.0
    ball = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2 < 60**2).astype(np.int32) * 2
    size = np.array([2.0, 2.0, 2.0])
    whole = cut_face(View(ball.astype(np.float32), ball, size))
    # between two and three layers of voxels lie within 4 mm of a plane
    assert np.pi * 4 * 60 < whole < 1.15 * np.pi * 6 * 60
    ball[:, :, axis > 40] = 0
    assert cut_face(View(ball.astype(np.float32), ball, size)) == pytest.approx(np.pi * 2000, rel=0.15)


def test_a_wrong_voxel_size_is_named(sound: dict[str, float]) -> None:
    reasons = implausible({**sound, "head_size": 800.0}, fine=False, table={"limits": {"coarse": {}}})
    assert len(reasons) == 1
    assert "check the voxel size" in reasons[0]


def test_what_cannot_be_measured_is_a_reason(sound: dict[str, float]) -> None:
    table = {"limits": {"coarse": {"seams": [0.0, 1.0]}}}
    assert implausible(sound, fine=False, table=table) == ()
    reasons = implausible({**sound, "seams": math.nan}, fine=False, table=table)
    assert "cannot be measured" in reasons[0]


def test_a_hole_flags_the_segmentation(subject: SimulatedPerson) -> None:
    volumes = {str(name): float(mm3) for name, mm3 in subject.volumes.items()}
    result = Segmentation(brain_labels(subject), volumes, qc={"cerebellum": 0.9})
    flagged = with_plausibility(result, Volume(with_hole(subject.image.data), subject.image.affine))
    assert flagged.status == "flagged"
    assert flagged.qc == {"cerebellum": 0.9, "plausibility": 0.0}
    assert any("hole" in reason for reason in flagged.reasons)


def test_an_image_without_white_matter_is_flagged() -> None:
    empty = LabelMap(np.zeros((8, 8, 8), np.int32), np.eye(4))
    result = with_plausibility(Segmentation(empty, {"TIV": 1.0}), Volume(np.ones((8, 8, 8)), np.eye(4)))
    assert result.status == "flagged"
    assert "no brain is labelled" in result.reasons[0]
