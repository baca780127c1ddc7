"""Sampling, smoothing and deforming of volumes in torch: the few spatial operations the simulator needs."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

SQUARINGS = 5


def voxel_grid(shape: Sequence[int]) -> Tensor:
    """Return the voxel coordinates of a grid, (3, I, J, K)."""
    axes = [torch.arange(n, dtype=torch.float32) for n in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


def sample(volume: Tensor, voxels: Tensor) -> Tensor:
    """Return a volume at fractional voxel coordinates; the border continues outwards.

    Parameters
    ----------
    volume : Tensor, (C, I, J, K)
        Any channels.
    voxels : Tensor, (3, …)
        Coordinates in voxels of `volume`; three trailing axes.

    Returns
    -------
    Tensor, (C, …)
        On the device of `volume`.
    """
    size = torch.tensor(volume.shape[1:], dtype=torch.float32, device=voxels.device).view(3, 1, 1, 1)
    scaled = 2.0 * voxels / (size - 1.0) - 1.0
    # grid_sample wants the last axis of the volume first: (1, I', J', K', 3) in the order K, J, I.
    grid = scaled.flip(0).permute(1, 2, 3, 0)[None]
    return functional.grid_sample(
        volume[None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )[0]


def smooth(volume: Tensor, sigma: float) -> Tensor:
    """Return each channel blurred with a Gaussian of `sigma` voxels; the border continues outwards.

    Parameters
    ----------
    volume : Tensor, (C, I, J, K)
        Any channels.
    sigma : float
        Voxels; 0 returns the volume.

    Returns
    -------
    Tensor, (C, I, J, K)
        Blurred.
    """
    if sigma <= 0:
        return volume
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device=volume.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[2 + axis] = len(kernel)
        padding = [0] * 6
        padding[2 * (2 - axis)] = padding[2 * (2 - axis) + 1] = radius
        padded = functional.pad(volume[:, None], padding, mode="replicate")
        volume = functional.conv3d(padded, kernel.view(shape))[:, 0]
    return volume


def resize(volume: Tensor, shape: Sequence[int]) -> Tensor:
    """Return channels resampled so that the corner voxels keep their place, (C, *shape)."""
    return functional.interpolate(volume[None], size=list(shape), mode="trilinear", align_corners=True)[0]


def integrate(velocity: Tensor) -> Tensor:
    """Return the displacement a stationary velocity field arrives at after unit time.

    Parameters
    ----------
    velocity : Tensor, (3, I, J, K)
        In voxels.

    Returns
    -------
    Tensor, (3, I, J, K)
        In voxels; the map ``x -> x + displacement(x)`` is one to one for a smooth velocity.

    Notes
    -----
    Scaling and squaring: a 32nd of the way, composed with itself five times.
    """
    grid = voxel_grid(velocity.shape[1:]).to(velocity.device)
    displacement = velocity / 2**SQUARINGS
    for _ in range(SQUARINGS):
        displacement = compose(displacement, displacement, grid)
    return displacement


def compose(outer: Tensor, inner: Tensor, grid: Tensor) -> Tensor:
    """Return the displacement of ``x -> outer(inner(x))``, all in voxels of one grid."""
    return inner + sample(outer, grid + inner)


def jacobian_determinant(displacement: Tensor) -> Tensor:
    """Return the determinant of the Jacobian of ``x -> x + displacement(x)``.

    Parameters
    ----------
    displacement : Tensor, (3, I, J, K)
        In voxels.

    Returns
    -------
    Tensor, (I - 1, J - 1, K - 1)
        Local volume ratio by forward differences; positive where nothing folds.
    """
    core = displacement[:, :-1, :-1, :-1]
    columns = [
        displacement[:, 1:, :-1, :-1] - core,
        displacement[:, :-1, 1:, :-1] - core,
        displacement[:, :-1, :-1, 1:] - core,
    ]
    matrix = torch.stack(columns, dim=1) + torch.eye(3, device=core.device).view(3, 3, 1, 1, 1)
    return torch.linalg.det(matrix.permute(2, 3, 4, 0, 1))
