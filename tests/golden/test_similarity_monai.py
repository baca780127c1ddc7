"""MS-SSIM against MONAI, on the same volumes and with the same parameters."""

import pytest
import torch
from monai.metrics.regression import compute_ms_ssim
from torch.nn import functional

from plausibrain.evaluation.diversity.pyramids import WEIGHTS, build_pyramid
from plausibrain.evaluation.diversity.similarities.ms_ssim import ms_ssim


def volumes(shape: tuple[int, int, int], noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(11)
    first = functional.avg_pool3d(torch.rand(1, 1, *(n + 4 for n in shape), generator=generator), 5, 1)[0, 0]
    return first, first.flip(0) * (1 - noise) + noise * torch.rand(shape, generator=generator)


@pytest.mark.parametrize(
    ("shape", "window", "weights", "noise"),
    [
        ((112, 112, 112), 7, WEIGHTS, 0.3),
        ((64, 70, 65), 11, (0.3, 0.3, 0.4), 0.1),
        ((64, 64, 64), 3, (0.5, 0.5), 0.0),
    ],
)
def test_ms_ssim_is_that_of_monai(shape, window, weights, noise):
    """monai 1.6.1: ``compute_ms_ssim(x, y, 3, kernel_size=window, weights=weights)``."""
    x, y = volumes(shape, noise)
    theirs = compute_ms_ssim(x[None, None], y[None, None], 3, kernel_size=window, weights=weights)
    ours = ms_ssim(
        build_pyramid(x, window_size=window, weights=weights),
        build_pyramid(y, window_size=window, weights=weights),
    )
    # float32: local variances are differences of numbers some hundred times as large
    assert ours == pytest.approx(float(theirs), rel=2e-4)
