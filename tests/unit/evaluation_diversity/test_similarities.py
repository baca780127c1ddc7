"""MS-SSIM and 4-G-R-SSIM against what they must be by definition."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cohorts.errors import MeasurementError
from evaluation.diversity.gradients import gradient_field, sobel_magnitude
from evaluation.diversity.pair_table import all_similarities
from evaluation.diversity.pyramids import build_pyramid, n_scales
from evaluation.diversity.similarities.four_component_gradient import four_component_gradient
from evaluation.diversity.similarities.ms_ssim import ms_ssim

SIDE = 64


def blobs(seed: int, side: int = SIDE) -> torch.Tensor:
    """Smooth random shapes, 0 to 1, the same large ones for every seed."""

    def smooth(seed: int, width: int) -> torch.Tensor:
        noise = torch.rand(1, 1, *[side] * 3, generator=torch.Generator().manual_seed(seed))
        return functional.avg_pool3d(noise, width, 1, width // 2)[0, 0]

    volume = smooth(99, 15) + smooth(seed, 5)
    return (volume - volume.min()) / (volume.max() - volume.min())


FIRST, SECOND = blobs(0), blobs(1)
EVERY = pytest.mark.parametrize("plugin", all_similarities(), ids=lambda plugin: plugin.name)


def of(plugin, first: torch.Tensor, second: torch.Tensor) -> float:
    return plugin(plugin.options["prepare"](first), plugin.options["prepare"](second))


@EVERY
def test_an_image_is_entirely_like_itself(plugin):
    assert of(plugin, FIRST, FIRST) == pytest.approx(1.0, abs=1e-5)


@EVERY
def test_similarity_falls_with_what_is_changed_and_stays_in_bounds(plugin):
    noise = torch.randn(FIRST.shape, generator=torch.Generator().manual_seed(5))
    values = [of(plugin, FIRST, FIRST + s * noise) for s in (0.0, 0.01, 0.03, 0.1, 0.3)]
    assert values == sorted(values, reverse=True)
    assert all(plugin.bounds[0] <= value <= plugin.bounds[1] + 1e-6 for value in values)


@EVERY
def test_axes_may_be_flipped_and_swapped_together(plugin):
    moved = [volume.flip(0).permute(2, 0, 1).contiguous() for volume in (FIRST, SECOND)]
    assert of(plugin, *moved) == pytest.approx(of(plugin, FIRST, SECOND), abs=1e-4)


@EVERY
def test_other_images_are_less_alike(plugin):
    assert of(plugin, FIRST, SECOND) < 0.95


def test_ms_ssim_is_symmetric():
    a, b = build_pyramid(FIRST), build_pyramid(SECOND)
    assert ms_ssim(a, b) == pytest.approx(ms_ssim(b, a), rel=1e-6)


def test_ms_ssim_of_two_constants_is_their_luminance():
    """No contrast anywhere, so all scales are 1 and only 2 m n + C1 over m² + n² + C1 remains."""
    a, b = (build_pyramid(torch.full((64, 64, 64), value)) for value in (0.25, 0.75))
    luminance = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    assert ms_ssim(a, b) == pytest.approx(luminance ** a.weights[-1], rel=1e-4)


def test_scales_that_do_not_fit_are_left_out_and_their_weight_given_to_the_others():
    pyramid = build_pyramid(FIRST)
    assert len(pyramid.levels) == n_scales(FIRST.shape) == 4
    assert sum(pyramid.weights) == pytest.approx(1.0)
    assert pyramid.weights[1] / pyramid.weights[0] == pytest.approx(0.2856 / 0.0448)


@pytest.mark.parametrize(
    ("shape", "weights"), [((63, 80, 80), ()), ((64, 64, 64), (0.2, 0.2, 0.2, 0.2, 0.2))]
)
def test_too_small_an_image_is_refused(shape, weights):
    with pytest.raises(MeasurementError, match="sides of at least 64 voxels"):
        build_pyramid(torch.zeros(shape), weights=weights)


def test_the_gradient_of_a_ramp_is_its_slope():
    i, j, k = torch.meshgrid(*[torch.arange(8.0)] * 3, indexing="ij")
    magnitude = sobel_magnitude(2 * i + 3 * j - 6 * k)
    assert magnitude.shape == (6, 6, 6)
    assert torch.allclose(magnitude, torch.tensor(7.0))


def naive_four_component(x: np.ndarray, y: np.ndarray) -> float:
    """4-G-r* by its definition: loops over windows and voxels, moments about the mean, double precision."""
    g, h = (_naive_gradient(volume) for volume in (x, y))
    places = np.arange(11) - 5
    line = np.exp(-(places**2) / (2 * 1.5**2))
    window = line[:, None, None] * line[None, :, None] * line[None, None, :]
    window /= window.sum()
    top, kinds = g.max(), {"preserved": [], "changed": [], "smooth": [], "texture": []}
    for i, j, k in np.ndindex(*[n - 10 for n in g.shape]):
        a, b = (v[i : i + 11, j : j + 11, k : k + 11] for v in (g, h))
        a, b = (v - (window * v).sum() for v in (a, b))
        s_a, s_b = (np.sqrt((window * v * v).sum()) for v in (a, b))
        flat = [s < 1e-9 for s in (s_a, s_b)]
        star = 1.0 if all(flat) else 0.0 if any(flat) else (window * a * b).sum() / (s_a * s_b)
        p, q = g[i + 5, j + 5, k + 5], h[i + 5, j + 5, k + 5]
        if p > 0.12 * top and q > 0.12 * top:
            kinds["preserved"].append(star)
        elif p > 0.12 * top or q > 0.12 * top:
            kinds["changed"].append(star)
        elif p < 0.06 * top:
            kinds["smooth"].append(star)
        else:
            kinds["texture"].append(star)
    return float(np.mean([np.mean(stars) for stars in kinds.values() if stars]))


def _naive_gradient(volume: np.ndarray) -> np.ndarray:
    line, slope = np.array([1, 2, 1]) / 4, np.array([-1, 0, 1]) / 2
    shape = [n - 2 for n in volume.shape]
    total = np.zeros(shape)
    for along in range(3):
        parts = [slope if axis == along else line for axis in range(3)]
        kernel = parts[0][:, None, None] * parts[1][None, :, None] * parts[2][None, None, :]
        for i, j, k in np.ndindex(*shape):
            total[i, j, k] += (kernel * volume[i : i + 3, j : j + 3, k : k + 3]).sum() ** 2
    return np.sqrt(total)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_four_component_gradient_is_its_slow_definition(noise):
    """r* = s_gh / (s_g s_h) on gradient magnitudes; mean over preserved, changed, smooth and texture
    voxels."""
    x, y = (blobs(seed, side=22).numpy().astype(float) for seed in (0, 1))
    y += noise * np.random.default_rng(3).standard_normal(y.shape)
    x[:, :, :12] = y[:, :, :9].mean()  # a part without any edge
    x[15:, :6], y[15:, :6] = 0.5, 0.5  # and one without edges in either
    fields = (gradient_field(torch.from_numpy(volume)) for volume in (x, y))
    # correlations of single precision: variances are differences of numbers 1e5 times as large as their error
    assert four_component_gradient(*fields) == pytest.approx(naive_four_component(x, y), abs=2e-3)
