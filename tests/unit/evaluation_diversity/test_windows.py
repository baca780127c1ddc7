import numpy as np
import pytest
import torch
from scipy import ndimage

from plausibrain.evaluation.diversity.windows import gaussian_window, local_mean


@pytest.mark.parametrize("size", [3, 7, 11])
def test_the_local_mean_is_that_of_scipy_where_the_window_fits(size):
    volume = np.random.default_rng(0).random((17, 15, 13)).astype(np.float32)
    window = gaussian_window(size, 1.5)
    expected = volume.astype(float)
    for axis in range(3):
        expected = ndimage.correlate1d(expected, window, axis=axis)
    half = size // 2
    inner = expected[half:-half, half:-half, half:-half]
    # single precision: 3 x size sums of numbers below 1, each off by at most 6e-8
    np.testing.assert_allclose(local_mean(torch.from_numpy(volume), window), inner, atol=3 * size * 6e-8)


def test_a_constant_stays_itself():
    assert torch.allclose(local_mean(torch.full((9, 9, 9), 2.0), gaussian_window(7, 1.5)), torch.tensor(2.0))
