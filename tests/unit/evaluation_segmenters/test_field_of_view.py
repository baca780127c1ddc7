"""A brain that reaches a face of its image was cut off there; one that is cropped to its surface was not."""

import numpy as np
import pytest

from plausibrain.cohorts.volumes import LabelMap
from plausibrain.evaluation.field_of_view import cut_faces

FACES = {
    "left": (0, 0), "right": (0, -1), "posterior": (1, 0), "anterior": (1, -1), "inferior": (2, 0),
    "superior": (2, -1),
}  # fmt: skip
RADIUS = 70.0


def ball(voxel_mm: float) -> LabelMap:
    """A brain of cortex, a ball of 70 mm radius, cropped to its surface."""
    n = int(np.ceil(2 * RADIUS / voxel_mm))
    axes = (np.indices((n, n, n)) - (n - 1) / 2) * voxel_mm
    data = np.where((axes**2).sum(0) < RADIUS**2, 3, 0)
    return LabelMap(data, np.diag([voxel_mm] * 3 + [1.0]))


def cropped(labels: LabelMap, face: str, depth_mm: float) -> LabelMap:
    axis, end = FACES[face]
    n = labels.shape[axis] - round(depth_mm / labels.voxel_size_mm[0])
    kept = [slice(None)] * 3
    kept[axis] = slice(-n, None) if end == 0 else slice(0, n)
    return LabelMap(labels.data[tuple(kept)], labels.affine)


@pytest.mark.parametrize("voxel_mm", [1.0, 2.0, 4.0])
def test_an_image_cropped_to_the_brain_is_whole(voxel_mm: float) -> None:
    assert cut_faces(ball(voxel_mm)) == ()


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("depth_mm", [8.0, 30.0])
def test_each_face_that_cuts_is_named_with_its_area(face: str, depth_mm: float) -> None:
    (reason,) = cut_faces(cropped(ball(2.0), face, depth_mm))
    assert f"the {face} face" in reason
    area = float(reason.split("(")[1].split(" ")[0].replace(",", ""))
    middle = RADIUS - depth_mm - 1.0  # of the outermost voxels, 2 mm
    assert area == pytest.approx(np.pi * (RADIUS**2 - middle**2), rel=0.03)


def test_the_storage_order_does_not_matter() -> None:
    cut = cropped(ball(2.0), "superior", 30.0)
    flipped = LabelMap(cut.data[:, :, ::-1].transpose(2, 0, 1), np.array(
        [[0, 2.0, 0, 0], [0, 0, 2.0, 0], [-2.0, 0, 0, 100], [0, 0, 0, 1]]
    ))  # fmt: skip
    assert "superior" in cut_faces(flipped)[0]


def test_brain_stem_and_fluid_may_reach_the_lower_face() -> None:
    cut = cropped(ball(2.0), "inferior", 30.0)
    for label in (16, 24):
        assert cut_faces(LabelMap(np.where(cut.data == 3, label, 0), cut.affine)) == ()
