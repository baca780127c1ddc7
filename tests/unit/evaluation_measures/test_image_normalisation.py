"""The footing that all images are brought onto: grid, grey scale, and what cannot be brought onto it."""

import numpy as np
import pytest

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.evaluation.image_normalisation import WHITE_LEVEL, common_voxel_mm, condition
from tests.unit.evaluation_measures.scans import VOXEL_MM, phantom, scan


def test_white_matter_is_1000_whatever_the_scale():
    for gain in (0.001, 1.0, 300.0):
        found = scan(gain=gain, noise=2.0)
        assert found.tissues.median("wm") == pytest.approx(WHITE_LEVEL, rel=0.002)
        assert found.tissues.median("gm") == pytest.approx(WHITE_LEVEL * 70 / 110, rel=0.005)
        assert found.remarks == ()


def test_the_box_holds_the_brain_and_keeps_its_place_in_the_world():
    image, labels = phantom()
    found = condition(image, labels, voxel_mm=VOXEL_MM)
    assert found.image.shape < image.shape
    assert found.tissues.brain.sum() == np.isin(labels.data, [0, 24], invert=True).sum()
    first = np.argwhere(found.labels.data == 17)[0]
    world = found.labels.affine[:3, :3] @ first + found.labels.affine[:3, 3]
    index = np.round(np.linalg.solve(labels.affine[:3, :3], world - labels.affine[:3, 3])).astype(int)
    assert labels.data[tuple(index)] == 17


def test_an_image_around_zero_is_lifted_and_the_remark_says_so():
    image, labels = phantom(noise=2.0)
    shifted = condition(Volume(image.data / 100 - 1.0, image.affine), labels, voxel_mm=VOXEL_MM)
    assert "is negative; -1 was taken as no signal" in shifted.remarks[0]
    expected = condition(image, labels, voxel_mm=VOXEL_MM)
    np.testing.assert_allclose(shifted.image.data, expected.image.data, atol=0.01)


def test_a_few_negative_voxels_are_set_to_zero():
    image, labels = phantom(noise=2.0)
    data = image.data.copy()
    data[tuple(np.argwhere(labels.data == 2)[0])] = -50
    found = condition(Volume(data, image.affine), labels, voxel_mm=VOXEL_MM)
    assert found.remarks == ()
    assert found.image.data.min() == 0


def test_labels_on_another_grid_are_brought_to_the_image():
    image, labels = phantom()
    finer = LabelMap(np.repeat(labels.data, 2, axis=1), labels.affine @ np.diag([1, 0.5, 1, 1]))
    finer.affine[:3, 3] -= labels.affine[:3, 1] / 4
    found = condition(image, finer, voxel_mm=VOXEL_MM)
    np.testing.assert_array_equal(
        found.whole_labels.data, condition(image, labels, voxel_mm=VOXEL_MM).whole_labels.data
    )


def test_another_resolution_interpolates_and_says_so():
    image, labels = phantom()
    found = condition(image, labels, voxel_mm=4.0)
    assert found.image.voxel_size_mm == pytest.approx((4.0, 4.0, 4.0))
    assert found.remarks == ("interpolated to 4 mm, which smooths",)
    assert found.tissues.median("gm") == pytest.approx(1000 * 70 / 110, rel=0.03)  # partial volume


def test_noise_of_a_finer_image_is_averaged_not_sampled():
    image, labels = phantom(noise=10.0)
    coarse = condition(image, labels, voxel_mm=6.0)
    sd = coarse.tissues.data[coarse.tissues.inner_wm].std()
    # 8 voxels of 3 mm in one of 6 mm: noise of 1000 * 10 / 110 falls at least by half.
    assert sd < 0.5 * 1000 * 10 / 110


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d, n: (np.where(n == 10, np.nan, d), n), "some voxels are not finite"),
        (lambda d, n: (d, np.where(np.isin(n, [2, 41]), 3, n)), "0 voxels of cerebral white matter"),
        (lambda d, n: (d, np.zeros_like(n)), "the label map holds no structure of the brain"),
        (lambda d, n: (np.where(np.isin(n, [2, 41]), 0, d), n), "the median of white matter is 0"),
    ],
)
def test_what_cannot_be_measured_is_named(spoil, message):
    image, labels = phantom()
    data, names = spoil(image.data, labels.data)
    with pytest.raises(MeasurementError, match=message):
        condition(Volume(data, image.affine), LabelMap(names, labels.affine), voxel_mm=VOXEL_MM)


def test_the_step_of_whole_numbers_is_found():
    image, labels = phantom(noise=2.0)
    whole = Volume(np.round(image.data), image.affine)
    assert condition(whole, labels, voxel_mm=VOXEL_MM).step == pytest.approx(1000 / 110, rel=0.02)
    assert condition(image, labels, voxel_mm=VOXEL_MM).step < 0.1


def test_working_resolution_invents_nothing():
    assert common_voxel_mm(np.array([[0.5, 0.5, 0.5], [0.7, 0.7, 0.7]])) == 1.0
    assert common_voxel_mm(np.array([[1.0, 1.0, 1.2], [1.0, 1.0, 1.0]])) == 1.2
