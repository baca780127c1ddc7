"""Gaussian windows that slide over a volume, one axis after the other."""

from functools import cache

import torch
from torch import Tensor

from plausibrain.evaluation.diversity.slabs import over_slabs


@cache
def gaussian_window(size: int, sigma: float) -> tuple[float, ...]:
    """Return the weights of a Gaussian window along one axis; they sum to one.

    Parameters
    ----------
    size : int
        Voxels, odd.
    sigma : float
        Standard deviation, voxels.

    Examples
    --------
    >>> [round(w, 3) for w in gaussian_window(3, 1.0)]
    [0.274, 0.452, 0.274]
    """
    places = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    return tuple(float(w) for w in weights / weights.sum())


def local_mean(volume: Tensor, window: tuple[float, ...]) -> Tensor:
    """Return the weighted mean around every voxel whose window lies inside the volume.

    Parameters
    ----------
    volume : Tensor, (I, J, K)
    window : tuple of float, (w,)
        Symmetric, of odd length.

    Returns
    -------
    Tensor, (I - w + 1, J - w + 1, K - w + 1)

    Notes
    -----
    A Gaussian in three dimensions is the product of three in one, so 3 w products per voxel do instead of w³.
    Both arms of the window are added before they are weighed.
    """
    return _filter(volume, window)


def local_moments(volume: Tensor, window: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Return local means of a volume and of its square, each as `local_mean`, slab by slab."""
    half = len(window) // 2
    shape = [n - 2 * half for n in volume.shape]
    mean, square = volume.new_empty(shape), volume.new_empty(shape)

    def work(start: int, stop: int) -> None:
        part = volume[start : stop + 2 * half]
        mean[start:stop] = _filter(part, window)
        square[start:stop] = _filter(part * part, window)

    over_slabs(shape[0], work)
    return mean, square


def _filter(volume: Tensor, window: tuple[float, ...]) -> Tensor:
    half = len(window) // 2
    for axis in range(3):
        n = volume.shape[axis] - 2 * half
        total = volume.narrow(axis, half, n) * window[half]
        for j in range(half):
            arms = volume.narrow(axis, j, n) + volume.narrow(axis, 2 * half - j, n)
            total.add_(arms, alpha=window[j])
        volume = total
    return volume
