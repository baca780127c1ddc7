"""A head lies in the world as its header says, or the other reading of the axes is named."""

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from plausibrain.cohorts.volumes import LabelMap, read_label_map
from plausibrain.evaluation.alignment import template_centres
from plausibrain.evaluation.orientation import orientation_reasons, symmetric_axis
from plausibrain.generation.simulator.deformation import rotation

IDENTITY = np.eye(3)
READINGS = [
    np.eye(3)[list(order)] * np.array(signs)[:, None]
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]


def head() -> LabelMap:
    """Cubes of 10 mm at the places of the template's structures, the fluid left out."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -100.0
    data = np.zeros((100, 100, 100), np.int32)
    for label, place in template_centres().items():
        if label != 24:
            i, j, k = np.round((place + 100) / 2).astype(int)
            data[i - 2 : i + 3, j - 2 : j + 3, k - 2 : k + 3] = label
    return LabelMap(data, affine)


def turned(matrix: np.ndarray) -> LabelMap:
    sound = head()
    world = np.eye(4)
    world[:3, :3] = matrix
    return LabelMap(sound.data, world @ sound.affine)


@pytest.mark.parametrize("degrees", [0, 15, 25])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_tilted_head_is_sound(degrees: float, axis: int) -> None:
    angles = np.zeros(3)
    angles[axis] = np.radians(degrees)
    assert orientation_reasons(turned(np.asarray(rotation(angles)))) == ()


@pytest.mark.parametrize("matrix", READINGS, ids=lambda m: "".join(f"{int(v):+d}" for v in m.sum(0)))
def test_every_other_reading_of_the_axes_is_found(matrix: np.ndarray) -> None:
    reasons = orientation_reasons(turned(matrix))
    assert bool(reasons) == (not np.array_equal(matrix, IDENTITY))


def test_what_is_wrong_is_said() -> None:
    (reason,) = orientation_reasons(turned(np.diag([1, 1, -1])))
    assert "down-up runs along the header's down-up, reversed" in reason
    (reason,) = orientation_reasons(turned(np.diag([-1, 1, 1])))
    assert "labelled left lie to the right" in reason


def test_a_map_of_few_structures_says_nothing() -> None:
    few = head()
    kept = np.where(np.isin(few.data, (2, 41, 10)), few.data, 0)
    assert orientation_reasons(LabelMap(kept, np.diag([1.0, 1.0, -1.0, 1.0]) @ few.affine)) == ()


def outline() -> LabelMap:
    """A brain without structures: its halves mirror each other, its front and back and its poles do not."""
    x, y, z = np.meshgrid(*[np.arange(-100.0, 100.0, 4.0)] * 3, indexing="ij")
    width = 1 + 0.35 * y / 85 + 0.25 * z / 60  # narrower at the front and at the top, as a head is
    inside = (x / (55 * width)) ** 2 + ((y + 0.25 * z) / 85) ** 2 + ((z - 0.004 * y**2) / 60) ** 2 < 1
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -100.0
    return LabelMap(inside.astype(np.int32), affine)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_an_exchange_of_axes_is_found_on_the_outline_alone(order: tuple[int, int, int]) -> None:
    sound = outline()
    moved = LabelMap(sound.data.transpose(order), sound.affine)
    assert symmetric_axis(moved) == order.index(0)
    reasons = orientation_reasons(moved)
    assert bool(reasons) == (order.index(0) != 0)
    assert all("the axes are exchanged" in reason for reason in reasons)


@pytest.mark.parametrize("radians", [(0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5), (0.3, -0.3, 0.3)])
def test_the_outline_of_a_tilted_head_is_sound(radians: tuple[float, float, float]) -> None:
    sound, world = outline(), np.eye(4)
    world[:3, :3] = rotation(np.array(radians))
    assert symmetric_axis(LabelMap(sound.data, world @ sound.affine)) == 0


@pytest.mark.parametrize("number", [18])
def test_the_outline_of_a_real_brain_tells_its_sides(number: int, shared_data: Path) -> None:
    labels = read_label_map(shared_data / "labelmaps" / f"seg_{number:02d}.nii.gz")
    brain = np.where(labels.data < 100, labels.data, 0)[::3, ::3, ::3]
    affine = labels.affine @ np.diag([3.0, 3.0, 3.0, 1.0])
    for order in permutations(range(3)):
        world = np.eye(4)
        world[:3, :3] = np.eye(3)[list(order)]
        assert symmetric_axis(LabelMap(brain, world @ affine)) == order.index(0)
    half = np.where((brain < 41) & (brain != 16), brain, 0)  # one hemisphere has no other half
    assert symmetric_axis(LabelMap(half, affine)) == 0
