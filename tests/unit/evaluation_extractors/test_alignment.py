import numpy as np
import pytest

from makers.estimate_template import estimate_template
from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.label_centres import brain_mask
from plausibrain.cohorts.volumes import LabelMap
from plausibrain.evaluation.alignment import (
    aligned,
    centres,
    common_grid,
    fit_pose,
    pose,
    template_centres,
)
from tests.unit.evaluation_extractors.phantoms import ball_brain, rigid


def test_a_known_turn_is_undone():
    rng = np.random.default_rng(0)
    points, turn = rng.normal(0, 30, (12, 3)), rigid(25.0, (10, -4, 7))
    found = fit_pose(points @ turn[:3, :3].T + turn[:3, 3], points)
    np.testing.assert_allclose(found.matrix @ turn, np.eye(4), atol=1e-9)
    assert found.error_mm == pytest.approx(0.0, abs=1e-9)


def test_mirrored_points_are_turned_but_not_mirrored_back():
    points = np.random.default_rng(1).normal(0, 30, (12, 3))
    found = fit_pose(points * [-1, 1, 1], points)
    assert np.linalg.det(found.matrix[:3, :3]) == pytest.approx(1.0)
    assert found.error_mm > 1


def test_a_brain_lies_where_it_lay_after_any_turn():
    """Balls of 8 mm on a grid of 4 mm have their centre within a quarter voxel of where they were put."""
    still, turned = (ball_brain(turn=turn) for turn in (None, rigid(20.0, (12, -9, 6))))
    a, b = (aligned(image, labels, 4.0) for image, labels in (still, turned))
    assert a.shape == common_grid(4.0)[0]
    inside = (a > 10) | (b > 10)
    assert np.corrcoef(a[inside], b[inside])[0, 1] > 0.97
    assert pose(turned[1]).error_mm < 2.0


def test_too_few_structures_are_refused():
    _, labels = ball_brain(leave_out=tuple(template_centres())[6:])
    with pytest.raises(MeasurementError, match="labelled structures to align the brain by; at least 8"):
        pose(labels)


def test_labels_of_the_head_are_no_brain():
    labels = LabelMap(np.array([0, 2, 511, 24]).reshape(4, 1, 1), np.eye(4))
    assert brain_mask(labels).ravel().tolist() == [False, True, False, True]


def test_centres_are_in_world_millimetres():
    data = np.zeros((8, 8, 8), np.int32)
    data[2:4, 2:4, 2:6] = 10
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = [5, 0, -1]
    np.testing.assert_allclose(centres(LabelMap(data, affine))[10], [5 + 2 * 2.5, 2 * 2.5, 3 * 3.5 - 1])


def test_the_template_is_symmetric_and_found_again():
    template = template_centres()
    np.testing.assert_allclose(template[17] * [-1, 1, 1], template[53])
    found = estimate_template([ball_brain(seed=s, turn=rigid(4.0 * s, (0, s, 0)))[1] for s in range(3)])
    shift = np.mean([found[k] - template[k] for k in found], axis=0)
    error = [np.linalg.norm(found[k] - template[k] - shift) for k in found if k not in (3, 42, 24)]
    assert np.median(error) < 2.0
