"""MS-SSIM and 4-G-R-SSIM against what they must be by definition."""

from functools import cache

import numpy as np
import pytest
import torch
from torch.nn import functional

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.diversity.gradients import gradient_field, sobel_magnitude
from plausibrain.evaluation.diversity.pair_table import all_similarities
from plausibrain.evaluation.diversity.pyramids import build_pyramid, n_scales
from plausibrain.evaluation.diversity.similarities.four_component_gradient import four_component_gradient
from plausibrain.evaluation.diversity.similarities.ms_ssim import ms_ssim

SIDE = 64


@cache
def blobs(seed: int, side: int = SIDE) -> torch.Tensor:
    """Smooth random shapes, 0 to 1, the same large ones for every seed."""

    def smooth(seed: int, width: int) -> torch.Tensor:
        noise = torch.rand(1, 1, *[side] * 3, generator=torch.Generator().manual_seed(seed))
        return functional.avg_pool3d(noise, width, 1, width // 2)[0, 0]

    volume = smooth(99, 15) + smooth(seed, 5)
    return (volume - volume.min()) / (volume.max() - volume.min())


EVERY = pytest.mark.parametrize("plugin", all_similarities(), ids=lambda plugin: plugin.name)


def of(plugin, first: torch.Tensor, second: torch.Tensor) -> float:
    return plugin(plugin.prepare(first), plugin.prepare(second))


@EVERY
def test_an_image_is_entirely_like_itself(plugin):
    assert of(plugin, blobs(0), blobs(0)) == pytest.approx(1.0, abs=1e-5)


@EVERY
def test_similarity_falls_with_what_is_changed_and_stays_in_bounds(plugin):
    noise = torch.randn(blobs(0).shape, generator=torch.Generator().manual_seed(5))
    values = [of(plugin, blobs(0), blobs(0) + s * noise) for s in (0.0, 0.01, 0.03, 0.1, 0.3)]
    assert values == sorted(values, reverse=True)
    assert all(plugin.bounds[0] <= value <= plugin.bounds[1] + 1e-6 for value in values)


@EVERY
def test_axes_may_be_flipped_and_swapped_together(plugin):
    moved = [volume.flip(0).permute(2, 0, 1).contiguous() for volume in (blobs(0), blobs(1))]
    assert of(plugin, *moved) == pytest.approx(of(plugin, blobs(0), blobs(1)), abs=1e-4)


@EVERY
def test_other_images_are_less_alike(plugin):
    assert of(plugin, blobs(0), blobs(1)) < 0.95


def test_ms_ssim_is_symmetric():
    a, b = build_pyramid(blobs(0)), build_pyramid(blobs(1))
    assert ms_ssim(a, b) == pytest.approx(ms_ssim(b, a), rel=1e-6)


def test_ms_ssim_of_two_constants_is_their_luminance():
    """No contrast anywhere, so all scales are 1 and only 2 m n + C1 over m² + n² + C1 remains."""
    a, b = (build_pyramid(torch.full((64, 64, 64), value)) for value in (0.25, 0.75))
    luminance = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    assert ms_ssim(a, b) == pytest.approx(luminance ** a.weights[-1], rel=1e-4)


def test_scales_that_do_not_fit_are_left_out_and_their_weight_given_to_the_others():
    pyramid = build_pyramid(blobs(0))
    assert len(pyramid.levels) == n_scales(blobs(0).shape) == 4
    assert sum(pyramid.weights) == pytest.approx(1.0)
    assert pyramid.weights[1] / pyramid.weights[0] == pytest.approx(0.2856 / 0.0448)


@pytest.mark.parametrize(
    ("shape", "weights"), [((63, 80, 80), ()), ((64, 64, 64), (0.2, 0.2, 0.2, 0.2, 0.2))]
)
def test_too_small_an_image_is_refused(shape, weights):
    with pytest.raises(MeasurementError, match="sides of at least 64 voxels"):
        build_pyramid(torch.zeros(shape), weights=weights)


def test_the_gradient_of_a_ramp_is_the_sum_of_its_slopes():
    i, j, k = torch.meshgrid(*[torch.arange(8.0)] * 3, indexing="ij")
    magnitude = sobel_magnitude(2 * i + 3 * j - 6 * k)
    assert magnitude.shape == (6, 6, 6)
    assert torch.allclose(magnitude, torch.tensor(11.0))


def test_four_component_gradient_of_two_constants_is_their_luminance():
    """No gradient in either, so structure and contrast are 1, every voxel is smooth; brightness remains."""
    a, b = (gradient_field(torch.full((16, 16, 16), value)) for value in (0.25, 0.75))
    luminance = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    assert four_component_gradient(a, b) == pytest.approx(luminance, rel=1e-5)


def test_a_flat_image_is_not_at_all_like_one_with_edges():
    """Rouse & Hemami: structure is 0 where one image alone is flat, however small the other's edges are."""
    faint = 0.5 + 1e-3 * blobs(0, side=20)
    flat = torch.full((20, 20, 20), float(faint.mean()))
    assert four_component_gradient(gradient_field(faint), gradient_field(flat)) == 0.0


def naive_four_component(x: np.ndarray, y: np.ndarray) -> float:
    """4-G-R-SSIM by its definition: loops over windows and voxels, moments about the mean, double precision.

    Every voxel has luminance (of the images) times contrast times structure (of the gradient magnitudes),
    each by its own published formula; the code folds the last two into one.
    """
    g, h = (_naive_gradient(volume) for volume in (x, y))
    places = np.arange(11) - 5
    line = np.exp(-(places**2) / (2 * 1.5**2))
    window = line[:, None, None] * line[None, :, None] * line[None, None, :]
    window /= window.sum()
    c1, c2 = 0.01**2, 0.03**2
    top, kinds = g.max(), {"preserved": [], "changed": [], "smooth": [], "texture": []}
    for i, j, k in np.ndindex(*[n - 10 for n in g.shape]):
        a, b = (v[i : i + 11, j : j + 11, k : k + 11] for v in (g, h))
        m, n = (float((window * v[i + 1 : i + 12, j + 1 : j + 12, k + 1 : k + 12]).sum()) for v in (x, y))
        flat = [not v.any() for v in (a, b)]
        a, b = (v - (window * v).sum() for v in (a, b))
        s_a, s_b = (np.sqrt((window * v * v).sum()) for v in (a, b))
        luminance = (2 * m * n + c1) / (m * m + n * n + c1)
        contrast = (2 * s_a * s_b + c2) / (s_a**2 + s_b**2 + c2)
        structure = ((window * a * b).sum() + c2 / 2) / (s_a * s_b + c2 / 2)
        structure = 1.0 if all(flat) else 0.0 if any(flat) else structure
        value = luminance * contrast * structure
        p, q = g[i + 5, j + 5, k + 5], h[i + 5, j + 5, k + 5]
        if p > 0.12 * top and q > 0.12 * top:
            kinds["preserved"].append(value)
        elif p > 0.12 * top or q > 0.12 * top:
            kinds["changed"].append(value)
        elif p < 0.06 * top:
            kinds["smooth"].append(value)
        else:
            kinds["texture"].append(value)
    return float(np.mean([np.mean(values) for values in kinds.values() if values]))


def _naive_gradient(volume: np.ndarray) -> np.ndarray:
    line, slope = np.array([1, 2, 1]) / 4, np.array([-1, 0, 1]) / 2
    shape = [n - 2 for n in volume.shape]
    total = np.zeros(shape)
    for along in range(3):
        parts = [slope if axis == along else line for axis in range(3)]
        kernel = parts[0][:, None, None] * parts[1][None, :, None] * parts[2][None, None, :]
        for i, j, k in np.ndindex(*shape):
            total[i, j, k] += abs((kernel * volume[i : i + 3, j : j + 3, k : k + 3]).sum())
    return total


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_four_component_gradient_is_its_slow_definition(noise):
    """Luminance, contrast and structure; mean over preserved, changed, smooth and texture voxels."""
    x, y = (blobs(seed, side=26).numpy().astype(float) for seed in (0, 1))
    y += noise * np.random.default_rng(3).standard_normal(y.shape)
    x[:, :, :13] = 0.5  # a part without any edge: a window fits into it, and the other image has edges there
    x[:13, :13, 13:], y[:13, :13, 13:] = 0.25, 0.25  # and one without edges in either
    fields = [gradient_field(torch.from_numpy(volume)) for volume in (x, y)]
    means = [field.mean for field in fields]
    assert ((means[0] == 0) & (means[1] > 0)).any()
    assert ((means[0] == 0) & (means[1] == 0)).any()
    # single precision: variances are differences of squares below 1, and C2 is 9e-4
    assert four_component_gradient(*fields) == pytest.approx(naive_four_component(x, y), abs=1e-4)
