"""Sampling, smoothing and deforming of volumes in torch: the few spatial operations the simulator needs."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

SQUARINGS = 5
#: From so many channels on, `sample` gathers them together, so many places at a time.
MANY_CHANNELS, CHUNK = 8, 1 << 16


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
    plain = volume.device.type == "cpu" and not (volume.requires_grad or voxels.requires_grad)
    if plain and len(volume) >= MANY_CHANNELS:
        return _gather(volume, voxels)
    size = torch.tensor(volume.shape[1:], dtype=torch.float32, device=voxels.device).view(3, 1, 1, 1)
    unit_places = 2.0 * voxels / (size - 1.0) - 1.0
    # grid_sample wants the last axis of the volume first: (1, I', J', K', 3) in the order K, J, I.
    grid = unit_places.flip(0).permute(1, 2, 3, 0)[None]
    return functional.grid_sample(
        volume[None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )[0]


def _gather(volume: Tensor, voxels: Tensor) -> Tensor:
    """Return what `sample` does, all channels of a voxel at once: on CPU twice as fast for many channels."""
    n_channels, *shape = volume.shape
    rows = volume.reshape(n_channels, -1).T.contiguous()
    places = voxels.reshape(3, -1)
    parts = [
        functional.embedding_bag(corners, rows, per_sample_weights=weights, mode="sum")
        for corners, weights in (_corners(part, shape) for part in places.split(CHUNK, dim=1))
    ]
    return torch.cat(parts).T.reshape(n_channels, *voxels.shape[1:])


def _corners(places: Tensor, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return, for each of N places, (3, N), the row and the weight of the 8 voxels around it, both (N, 8)."""
    row = torch.zeros(places.shape[1], dtype=torch.int64)
    steps, weights = torch.zeros(1, dtype=torch.int64), torch.ones(1, places.shape[1])
    for place, n in zip(places, shape, strict=True):
        inside = place.clamp(0, n - 1)
        low = inside.floor().clamp_(max=max(0, n - 2))
        part = inside.sub_(low)
        row = row * n + low.long()
        steps = (steps[:, None] * n + torch.arange(min(n, 2))).flatten()
        ends = torch.stack([1 - part, part][: min(n, 2)])
        weights = (weights[:, None] * ends).flatten(0, 1)
    return row[:, None] + steps, weights.T.contiguous()


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
        frame = functional.pad(volume[:, None], padding, mode="replicate")
        volume = functional.conv3d(frame, kernel.view(shape))[:, 0]
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
    a, b, c = (
        column + unit.view(3, 1, 1, 1)
        for column, unit in zip(columns, torch.eye(3).to(core.device), strict=True)
    )
    return (a * torch.linalg.cross(b, c, dim=0)).sum(0)
