from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plausibrain.cohorts.volumes import Volume, read_volume
from plausibrain.evaluation.image_contract import check_image
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels


def test_a_head_passes() -> None:
    assert check_image(make_image()) == ()


@pytest.mark.parametrize("size", [0.5, 5.0])
def test_voxels_from_half_to_five_millimetres_pass(size: float) -> None:
    image = make_image(4.0) if size == 5.0 else make_image(2.0)
    affine = image.affine.copy()
    if size == 5.0:
        affine[:3, 2] *= 5 / 4
    else:
        data = np.kron(image.data[20:76:1, 5:91, 20:76], np.ones((1, 1, 4), np.float32))
        image = Volume(data, image.affine)
        affine = image.affine.copy()
        affine[:3, 2] *= 0.25
    assert check_image(Volume(image.data, affine)) == ()


def test_not_finite_is_refused_with_the_share() -> None:
    image = make_image()
    data = image.data.copy()
    data[40, 40, 40] = np.nan
    data[40, 40, 41] = np.inf
    (reason,) = check_image(replace(image, data=data))
    assert "not finite" in reason


def test_constant_is_refused() -> None:
    image = make_image()
    (reason,) = check_image(replace(image, data=np.full(image.shape, 7.0)))
    assert "constant (7)" in reason


def test_label_maps_are_refused_few_labels_or_many() -> None:
    labels = make_labels()
    (few,) = check_image(Volume(labels.data, labels.affine))
    assert "label map" in few
    many = labels.data.copy()
    rows = np.arange(many.shape[0])[:, None, None] // 8 * 17 + np.arange(many.shape[1])[:, None] // 8
    many[many > 0] += rows.repeat(many.shape[2], 2)[many > 0] if rows.ndim == 3 else 0
    (reason,) = check_image(Volume(many, labels.affine))
    assert "looks like a label map" in reason


def test_an_integer_image_with_noise_is_no_label_map() -> None:
    image = make_image()
    assert check_image(replace(image, data=np.round(image.data))) == ()


def test_half_a_head_size_is_refused_in_millimetres() -> None:
    image = make_image()
    affine = image.affine.copy()
    affine[:3, :3] *= 0.5
    (reason,) = check_image(Volume(image.data, affine))
    assert "human brain needs 95 x 110 x 75" in reason


@pytest.mark.parametrize("scale", [0.001, 10.0])
def test_a_header_in_other_units_is_refused(scale: float) -> None:
    image = make_image()
    affine = image.affine.copy()
    affine[:3, :3] *= scale
    assert any("check the header's unit" in reason for reason in check_image(Volume(image.data, affine)))


@pytest.mark.parametrize("name", ["inia19-t1-brain", "Iguana"])
def test_animals_are_refused(shared_data: Path, name: str) -> None:
    reasons = check_image(read_volume(shared_data / "controls" / f"{name}.nii.gz"))
    assert any("human brain needs" in reason for reason in reasons)


def test_real_scans_pass_and_real_label_maps_do_not(shared_data: Path) -> None:
    t1w = shared_data / "t1w"
    assert check_image(read_volume(t1w / "malf" / "1000_SS.nii.gz")) == ()
    assert check_image(read_volume(t1w / "heads" / "fullhead_T1w.nii.gz")) == ()
    for name in ("heads/dktatlas_aparc+aseg.nii.gz", "malf/1000_glm.nii.gz"):
        assert any("label map" in reason for reason in check_image(read_volume(t1w / name)))
