"""Air where there is some, and the reason where there is none."""

import numpy as np
import pytest

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.image_normalisation import condition
from plausibrain.evaluation.measures.fber import fber
from plausibrain.evaluation.measures.qi1 import qi1
from plausibrain.evaluation.measures.qi2 import qi2, smooth_density
from plausibrain.evaluation.measures.snr_dietrich import snr_dietrich
from tests.unit.evaluation_measures.scans import VOXEL_MM, phantom, scan

#: Median absolute deviation of Rayleigh noise over 0.6745, for channels of standard deviation 1.
RAYLEIGH_MAD = 0.66451


@pytest.fixture(scope="module")
def noisy():
    return scan(air=4.0, scalp=True)


def test_air_is_outside_the_skin_and_not_below_the_brain(noisy):
    labels, air = noisy.whole_labels.data, noisy.air
    assert not (air.mask & air.head).any()
    assert not (air.mask & (labels > 0)).any()
    assert air.head[labels > 0].all()
    lowest = np.flatnonzero((labels > 0).any(axis=(0, 1)))[0]
    assert not air.mask[:, :, :lowest].any()
    # The scalp ends 18 mm outside the fluid: half axes of 90, 104 and 82 mm.
    assert air.head.sum() * VOXEL_MM**3 == pytest.approx(4 / 3 * np.pi * 90 * 104 * 82, rel=0.12)


def test_noise_of_air_is_that_which_was_added(noisy):
    scale = 1000 / 110
    assert noisy.air.mad == pytest.approx(4.0 * RAYLEIGH_MAD * scale, rel=0.02)
    assert noisy.air.sd == pytest.approx(4.0 * np.sqrt(2 - np.pi / 2) * scale, rel=0.02)


def test_dietrich_gives_signal_over_the_noise_of_one_channel(noisy):
    # sd of Rayleigh noise is 0.6551 sigma; its MAD is 1.4 % larger.
    expected = 110 / 4.0 * np.sqrt(2 - np.pi / 2) / RAYLEIGH_MAD
    assert snr_dietrich(noisy.tissues, noisy.air, "wm") == pytest.approx(expected, rel=0.02)


def test_energy_ratio_is_that_of_the_medians(noisy):
    air = np.median(np.square(noisy.whole.data[noisy.air.mask]))
    # Rayleigh noise: the median of the square is 2 ln 2 sigma^2.
    assert air == pytest.approx(2 * np.log(2) * (4 * 1000 / 110) ** 2, rel=0.03)
    head = np.median(np.square(noisy.whole.data[noisy.air.head]))
    assert fber(noisy.air) == pytest.approx(head / air, rel=1e-6)


def test_a_bright_block_in_air_is_an_artefact_and_noise_is_none(noisy):
    assert qi1(noisy.air) == 0
    image, labels = phantom(air=4.0, scalp=True)
    data = image.data.copy()
    data[2:6, 2:6, -8:-4] = 100.0 + np.random.default_rng(0).random((4, 4, 4))
    spoilt = condition(Volume(data, image.affine), labels, voxel_mm=VOXEL_MM)
    found = qi1(spoilt.air) * spoilt.air.mask.sum()
    assert found == 32  # opening with a cross takes 8 corners and 24 edges off 64 voxels


def test_other_noise_than_a_scanner_s_misfits():
    image, labels = phantom(air=4.0, scalp=True)
    rng = np.random.default_rng(1)
    air = condition(image, labels, voxel_mm=VOXEL_MM).air.mask
    turned = np.zeros(image.shape, bool)
    turned[:] = air
    data = image.data.copy()
    data[turned] = rng.choice([2.0, 9.0], int(turned.sum())) + rng.random(int(turned.sum()))
    other = condition(Volume(data, image.affine), labels, voxel_mm=VOXEL_MM)
    assert qi2(other.air) > 3 * qi2(condition(image, labels, voxel_mm=VOXEL_MM).air)


def test_the_smoothed_density_integrates_to_one():
    values = np.random.default_rng(0).normal(50.0, 5.0, 5000)
    density = smooth_density(values)
    assert density.sum() * 110 / 999 == pytest.approx(1.0, abs=1e-3)
    # A normal density of variance 5^2 + 4^2.
    assert density.max() == pytest.approx(1 / np.sqrt(2 * np.pi * 41), rel=0.03)


@pytest.mark.parametrize(
    ("given", "change", "message"),
    [
        ({"air": 4.0}, None, "the image is stripped to the brain"),
        ({"scalp": True}, None, "100 % of the .* background voxels hold nothing but one value"),
        ({"scalp": True, "air": 0.4}, np.round, "grey values are whole steps of 9.* coarser than the noise"),
    ],
)
def test_without_real_air_there_is_a_reason(given, change, message):
    image, labels = phantom(noise=2.0, **given)
    data = change(image.data) if change else image.data
    found = condition(Volume(data, image.affine), labels, voxel_mm=VOXEL_MM)
    with pytest.raises(MeasurementError, match=message):
        _ = found.air
    with pytest.raises(MeasurementError, match=message):  # remembered, not looked for again
        _ = found.air


def test_padding_and_an_erased_face_are_no_air():
    image, labels = phantom(air=4.0, scalp=True)
    data = image.data.copy()
    data[:12] = 0
    padded = condition(Volume(data, image.affine), labels, voxel_mm=VOXEL_MM)
    assert not padded.air.mask[:11].any()
    whole = condition(image, labels, voxel_mm=VOXEL_MM)
    assert padded.air.mad == pytest.approx(whole.air.mad, rel=0.02)
