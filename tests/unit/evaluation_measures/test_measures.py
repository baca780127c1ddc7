"""Every measure on images whose number can be worked out by hand."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.measures.cjv import cjv
from plausibrain.evaluation.measures.cnr import cnr
from plausibrain.evaluation.measures.cnr_tissue import cnr_tissue
from plausibrain.evaluation.measures.contrast import contrast
from plausibrain.evaluation.measures.dark_white_matter import dark_white_matter
from plausibrain.evaluation.measures.edge_sharpness import edge_sharpness
from plausibrain.evaluation.measures.efc import efc, entropy_focus
from plausibrain.evaluation.measures.fine_detail import fine_detail
from plausibrain.evaluation.measures.fwhm import fwhm
from plausibrain.evaluation.measures.icvs import icvs
from plausibrain.evaluation.measures.inu import inu
from plausibrain.evaluation.measures.regular_pattern import regular_pattern
from plausibrain.evaluation.measures.snr import snr
from plausibrain.evaluation.measures.spectral_slope import spectral_slope
from plausibrain.evaluation.measures.summary import summary
from plausibrain.evaluation.measures.wm2max import wm2max
from plausibrain.evaluation.measuring import MEASURES, all_measures, measure_scan
from tests.unit.evaluation_measures.scans import box, scan

N = 40
NOISE = np.random.default_rng(0).standard_normal((N, N, N))
LEFT = np.arange(N)[:, None, None] < N // 2
WHITE = np.broadcast_to(LEFT, (N, N, N))
TWO = np.where(WHITE, 1000.0, 600.0)
#: Relative standard error of a spread of 32,000 normal values; the MAD has 1.65 times that of the SD.
SE_SD = 1 / np.sqrt(2 * N**3 / 2)


def two_tissues(sd: float):
    """White matter of 1000 and cortex of 600, side by side, with noise."""
    return box(TWO + sd * NOISE, WHITE)


class TestTissueNoise:
    def test_joint_variation_is_the_noise_over_the_contrast(self):
        found = cjv(two_tissues(20.0).tissues)
        assert found == pytest.approx(2 * 20 / 400, rel=4 * 1.65 * SE_SD)

    def test_signal_to_noise_is_level_over_noise(self):
        tissues = two_tissues(20.0).tissues
        assert snr(tissues, "wm") == pytest.approx(50, rel=4 * SE_SD)
        assert snr(tissues, "gm") == pytest.approx(30, rel=4 * SE_SD)

    def test_total_is_the_mean_of_three_and_needs_all_three(self):
        with pytest.raises(MeasurementError, match="0 voxels of ventricles"):
            snr(two_tissues(20.0).tissues, "total")
        tissues = scan().tissues
        parts = [snr(tissues, part) for part in ("csf", "gm", "wm")]
        assert snr(tissues, "total") == pytest.approx(np.mean(parts))

    def test_contrast_to_noise(self):
        assert cnr_tissue(two_tissues(20.0).tissues) == pytest.approx(400 / (20 * np.sqrt(2)), rel=4 * SE_SD)
        noisy = scan(air=6.0, noise=3.0, scalp=True)
        air_sd = 6.0 * np.sqrt(2 - np.pi / 2)
        assert cnr(noisy.tissues, noisy.air) == pytest.approx(40 / np.sqrt(18 + air_sd**2), rel=0.02)

    def test_contrast_is_a_ratio_of_medians(self):
        assert contrast(two_tissues(1.0).tissues, "gm") == pytest.approx(0.6, abs=1e-3)
        assert contrast(scan(noise=1.0).tissues, "csf") == pytest.approx(25 / 110, rel=0.01)

    def test_white_matter_over_the_brightest(self):
        data = TWO.copy()
        data[-1, -1] = 2000.0  # 40 of 64,000 voxels, more than 0.05 %
        assert wm2max(box(data, WHITE).tissues) == pytest.approx(0.5, abs=1e-6)
        assert wm2max(box(TWO, WHITE).tissues) == 1.0

    def test_summary_of_normal_values(self):
        tissues = two_tissues(20.0).tissues
        found = {
            name: summary(tissues, f"gm_{name}")
            for name in ("mean", "median", "p05", "p95", "stdv", "mad", "k", "n")
        }
        assert found["mean"] == pytest.approx(600, abs=0.5)
        assert found["median"] == pytest.approx(600, abs=0.7)
        assert [found["p05"], found["p95"]] == pytest.approx([600 - 32.9, 600 + 32.9], abs=1.5)
        assert [found["stdv"], found["mad"]] == pytest.approx([20, 20], rel=0.03)
        assert found["k"] == pytest.approx(0, abs=4 * np.sqrt(24 / 32_000))
        assert found["n"] == 32_000

    def test_fractions_sum_to_one(self):
        tissues = scan().tissues
        assert sum(icvs(tissues, part) for part in ("csf", "gm", "wm")) == pytest.approx(1.0)
        assert icvs(two_tissues(1.0).tissues, "wm") == 0.5

    @pytest.mark.parametrize("measure", [cjv, cnr_tissue, dark_white_matter])
    def test_without_contrast_there_is_no_number(self, measure):
        with pytest.raises(MeasurementError, match=r"same median|nothing varies"):
            measure(box(np.full((N, N, N), 1000.0), WHITE).tissues)


class TestEntropy:
    def test_an_even_image_has_entropy_one_and_a_single_voxel_none(self):
        assert entropy_focus(np.full(5000, 7.0)) == pytest.approx(1.0, abs=1e-12)
        single = np.zeros(5000)
        single[17] = 3.0
        assert entropy_focus(single) == pytest.approx(0.0, abs=1e-12)

    def test_k_bright_voxels_of_n(self):
        values = np.zeros(10_000)
        values[:2500] = 5.0
        # sqrt(k) ln sqrt(k) over sqrt(n) ln sqrt(n).
        expected = 50 * np.log(50) / (100 * np.log(100))
        assert entropy_focus(values) == pytest.approx(expected, rel=1e-12)

    def test_only_the_brain_counts(self):
        grey = np.zeros((N, N, N), bool)
        grey[N // 2 :, : N // 2] = True
        data = np.where(WHITE | grey, 500.0, 12345.0)
        assert efc(box(data, WHITE, grey).tissues) == pytest.approx(1.0, abs=1e-9)


class TestSmoothness:
    @pytest.mark.parametrize("width_mm", [3.0, 6.0])
    def test_width_of_smoothed_noise(self, width_mm):
        """White noise smoothed by a Gaussian of SD s correlates exp(-d^2 / (4 s^2)) with its neighbour.

        Forman's formula turns that into FWHM = 2.355 s sqrt(...), which for a continuous field is the width.
        """
        voxel = 1.5
        s = width_mm / 2.3548 / voxel
        smooth = gaussian_filter(np.random.default_rng(1).standard_normal((70, 70, 70)), s, mode="wrap")
        found = box(1000 + 100 * smooth / smooth.std(), np.ones(smooth.shape, bool), voxel_mm=voxel)
        for axis in ("right", "anterior", "superior"):
            assert fwhm(found.image, found.tissues, axis) == pytest.approx(width_mm, rel=0.06)

    def test_axes_are_told_apart(self):
        smooth = gaussian_filter(NOISE, (1.0, 2.0, 3.0))
        found = box(1000 + smooth, np.ones(smooth.shape, bool))
        widths = [fwhm(found.image, found.tissues, axis) for axis in ("right", "anterior", "superior")]
        assert widths[0] < 0.7 * widths[1] < 0.6 * widths[2]
        assert fwhm(found.image, found.tissues, "mean") == pytest.approx(np.mean(widths))

    def test_neighbours_as_different_as_strangers_have_no_width(self):
        flips = np.indices((N, N, N)).sum(axis=0) % 2 * 2.0 - 1
        found = box(1000 + 50 * flips, np.ones(flips.shape, bool))
        with pytest.raises(MeasurementError, match="differ as much as strangers"):
            fwhm(found.image, found.tissues, "right")


class TestShading:
    def test_a_injected_gain_is_recovered(self):
        x = np.linspace(-1, 1, N)[:, None, None]
        y = np.linspace(-1, 1, N)[None, :, None]
        log = np.broadcast_to(0.2 * x + 0.1 * y**2, (N, N, N))
        white = np.broadcast_to(np.arange(N) % 20 < 10, (N, N, N))
        even = np.where(white, 1000.0, 600.0)
        found = box(even * np.exp(log), white)
        low, middle, high = np.percentile(np.exp(log), [5, 50, 95])
        assert inu(found.image, found.tissues) == pytest.approx((high - low) / middle, rel=0.03)
        flat = box(even, white)
        assert inu(flat.image, flat.tissues) == pytest.approx(0.0, abs=1e-6)

    def test_contrast_and_noise_are_no_shading(self):
        found = two_tissues(20.0)
        assert inu(found.image, found.tissues) < 0.01


class TestSpectrum:
    @staticmethod
    def with_slope(slope: float):
        shape = (64, 64, 64)
        f = np.sqrt(
            sum(np.square(a) for a in np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij"))
        )
        f[0, 0, 0] = f[0, 0, 1]
        waves = np.fft.fftn(np.random.default_rng(2).standard_normal(shape)) * f ** (slope / 2)
        data = np.fft.ifftn(waves).real
        return box(1000 + 50 * data / data.std(), np.ones(shape, bool))

    @pytest.mark.parametrize("slope", [0.0, -2.0])
    def test_a_power_law_is_found(self, slope):
        # The soft edge of the mask mixes neighbouring frequencies and bends steep spectra a little.
        assert spectral_slope(self.with_slope(slope).spectrum) == pytest.approx(slope, abs=0.15)

    def test_white_noise_has_the_share_of_its_ball(self):
        found = self.with_slope(0.0)
        # All waves but those below 0.05 per mm, over those beyond a ball of radius 1/3 in a cube of side 1.
        ball = 4 / 3 * np.pi / 27
        assert fine_detail(found.spectrum) == pytest.approx(np.log10(1 - ball), abs=0.01)

    def test_one_wave_stands_out(self):
        noise = self.with_slope(0.0)
        i, j, k = np.indices(noise.image.shape)
        wave = 20 * np.cos(2 * np.pi * (i + j + k) / 4)
        patterned = box(noise.image.data + wave, np.ones(wave.shape, bool))
        assert regular_pattern(noise.spectrum) < 1.4
        assert regular_pattern(patterned.spectrum) > 2.5


class TestBorders:
    def test_a_ramp_has_its_own_slope(self):
        """White to grey over 8 mm: 1/8 of the contrast per mm, wherever the border lies in it."""
        x = np.arange(N, dtype=float)[:, None, None]
        data = np.broadcast_to(np.clip(1000 - 400 * (x - 16) / 8, 600, 1000), (N, N, N))
        found = box(data, WHITE)
        assert edge_sharpness(found.image, found.tissues) == pytest.approx(1 / 8, rel=1e-5)
        coarse = box(data, WHITE, voxel_mm=2.0)
        assert edge_sharpness(coarse.image, coarse.tissues) == pytest.approx(1 / 16, rel=1e-5)

    def test_a_step_is_half_a_contrast_per_voxel(self):
        found = box(TWO, WHITE)
        assert edge_sharpness(found.image, found.tissues) == pytest.approx(0.5)

    def test_labels_without_a_common_border_have_none(self):
        grey = np.broadcast_to(np.arange(N)[:, None, None] > N // 2 + 2, (N, N, N))
        found = box(TWO, WHITE, grey)
        with pytest.raises(MeasurementError, match="0 voxels on the border"):
            edge_sharpness(found.image, found.tissues)


class TestDarkWhiteMatter:
    def test_a_hole_is_as_deep_as_its_darkness(self):
        data = TWO.copy()
        data[8:12, 8:12, 8:12] = 200.0
        assert dark_white_matter(box(data, WHITE).tissues) == pytest.approx(800 / 400, rel=0.01)
        assert dark_white_matter(box(TWO, WHITE).tissues) == 0.0

    def test_a_hole_that_is_labelled_fluid_counts_too(self):
        found = box(TWO, WHITE)
        data, labels = TWO.copy(), found.labels.data.copy()
        data[8:12, 8:12, 8:12], labels[8:12, 8:12, 8:12] = 200.0, 24
        holed = type(found)(
            Volume(data, found.image.affine), type(found.labels)(labels, found.labels.affine),
            found.whole, found.whole_labels, 0.0,
        )  # fmt: skip
        assert dark_white_matter(holed.tissues) == pytest.approx(2.0, rel=0.01)


def test_a_missing_tissue_costs_its_numbers_and_no_others():
    values = {value.column: value for value in measure_scan(two_tissues(20.0))}
    assert values["snr_csf"].reason == "0 voxels of ventricles; at least 100 are needed"
    assert np.isnan(values["snr_csf"].value)
    assert values["snr_wm"].reason == ""
    assert set(values) == {f"{p.name}_{part}" if part else p.name for p in all_measures() for part in p.parts}


def test_only_chosen_measures_are_taken():
    all_measures()
    (value,) = measure_scan(two_tissues(20.0), [MEASURES["cjv"]])
    assert (value.metric, value.part, value.column) == ("cjv", "", "cjv")
