"""Smooth random fields and separable blurs, the raw material of every rendering."""

import torch
from torch import Tensor
from torch.nn import functional


class Draws:
    """Random numbers of one example: scalars from a generator of the CPU, fields from one of the device.

    So the CPU never waits for the device to learn what to do next.
    """

    def __init__(self, device: str | torch.device, seed: int) -> None:
        self.device = torch.device(device)
        self.scalars = torch.Generator("cpu").manual_seed(seed)
        self.fields = torch.Generator(self.device).manual_seed(seed + 1)


def uniform(low: float, high: float, generator: Draws) -> float:
    """Return one draw from the uniform distribution on [low, high)."""
    return low + (high - low) * float(torch.rand((), generator=generator.scalars))


def chance(probability: float, generator: Draws) -> bool:
    """Return True with the given probability."""
    return uniform(0.0, 1.0, generator) < probability


def normal(shape: tuple[int, ...], generator: Draws) -> Tensor:
    """Return standard normal draws of the given shape on the generator's device."""
    if not shape or len(shape) < 3:
        return torch.randn(shape, generator=generator.scalars)
    return torch.randn(shape, generator=generator.fields, device=generator.device)


def shape_of(image: Tensor) -> tuple[int, int, int]:
    """Return the three sides of an image, voxels."""
    i, j, k = image.shape
    return i, j, k


def smooth_field(
    shape: tuple[int, int, int], spacing_mm: float, generator: Draws, n_channels: int = 1
) -> Tensor:
    """Return random fields that vary over about ``spacing_mm``, (n_channels, I, J, K), 1 mm voxels.

    Normal draws at the nodes of a coarse grid, one node every ``spacing_mm``, interpolated linearly: zero
    mean, standard deviation near one at the nodes.
    """
    nodes = [max(2, round(n / spacing_mm) + 1) for n in shape]
    coarse = normal((1, n_channels, *nodes), generator)
    return functional.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)[0]


def gaussian_kernel(sigma: float) -> Tensor:
    """Return a normalised 1D Gaussian of odd length that reaches to 2.5 standard deviations."""
    radius = max(1, round(2.5 * sigma))
    x = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    return kernel / kernel.sum()


def blur(image: Tensor, sigma: tuple[float, float, float]) -> Tensor:
    """Return the image convolved with an axis-aligned Gaussian; edges are replicated.

    Parameters
    ----------
    image : Tensor, (I, J, K)
    sigma : tuple of 3 floats
        Standard deviations, voxels; an axis below 0.15 is left alone.
    """
    for axis, s in enumerate(sigma):
        if s >= 0.15:
            image = _blur_axis(image, axis, gaussian_kernel(s))
    return image


def _blur_axis(image: Tensor, axis: int, kernel: Tensor) -> Tensor:
    radius = len(kernel) // 2
    n = image.shape[axis]
    index = torch.arange(-radius, n + radius, device=image.device).clamp(0, n - 1)
    frame = image.index_select(axis, index)
    out = torch.zeros_like(image)
    for k, weight in enumerate(kernel.tolist()):
        out.add_(frame.narrow(axis, k, n), alpha=weight)
    return out
