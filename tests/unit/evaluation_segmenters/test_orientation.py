"""A head lies in the world as its header says, or the other reading of the axes is named."""

from itertools import permutations, product

import numpy as np
import pytest

from plausibrain.cohorts.volumes import LabelMap
from plausibrain.evaluation.alignment import template_centres
from plausibrain.evaluation.orientation import orientation_reasons
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
