"""Bringing one hemisphere into a standard position and size, by where its cortex and deep structures lie.

A hemisphere is described by four shares of tissue in voxels of 2 mm, the right one mirrored, so that both are
left ones. An affine transform to a template of such shares is found by Gauss-Newton steps; no intensity is
looked at, and the start are the centre and the spread of the cortex, so the position of the head in the
scanner does not matter.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

#: Cortex of this hemisphere; thalamus and basal ganglia; hippocampus and amygdala; the other cortex.
N_SHARES = 4
VOXEL_MM = 2
#: Sides of the standard block, voxels of 2 mm: to the right, forward, up.
BLOCK = (40, 96, 64)
#: Standard deviations of the blur before the steps of each round, voxels of 4 mm, and the number of steps.
_ROUNDS = ((1.5, 5), (0.75, 5))
_DAMPING = 1e-3
_MOST_GROWTH = 2.0


def block_places() -> Tensor:
    """Return the voxels of the standard block, (3, *BLOCK)."""
    return _places(BLOCK)


def _places(shape: Sequence[int]) -> Tensor:
    axes = [torch.arange(n, dtype=torch.float32) for n in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


def moments(cortex: Tensor) -> tuple[Tensor, Tensor]:
    """Return centre and standard deviation of the cortex along each axis, voxels, both (3,)."""
    total = cortex.sum(dtype=torch.float64).clamp_min(1e-6)
    centre, spread = [], []
    for axis, n in enumerate(cortex.shape):
        x = torch.arange(n, dtype=torch.float64)
        profile = cortex.sum([k for k in range(3) if k != axis], dtype=torch.float64) / total
        mean = float((profile * x).sum())
        centre.append(mean)
        spread.append(math.sqrt(max(float((profile * (x - mean) ** 2).sum()), 1.0)))
    return torch.tensor(centre), torch.tensor(spread)


def start_affine(cortex: Tensor, template: Tensor) -> Tensor:
    """Return the affine that gives the cortex the centre and the spread of the template's, (3, 4)."""
    centre, spread = moments(cortex)
    aim, wide = moments(template)
    scale = torch.diag(spread / wide)
    return torch.cat([scale, (centre - scale @ aim)[:, None]], 1)


def fit_affine(shares: Tensor, template: Tensor) -> Tensor:
    """Return the affine from voxels of the standard block to voxels of the shares, (3, 4).

    Parameters
    ----------
    shares : Tensor, (4, I, J, K)
        In voxels of 2 mm.
    template : Tensor, (4, I', J', K')
        The standard block in voxels of 4 mm.

    Notes
    -----
    Minimises the squared difference of blurred shares in voxels of 4 mm, coarse first, by Gauss-Newton steps
    with a little damping. Where the steps lead to less than half or more than twice the size of the start,
    there is no hemisphere to be fitted, and the start is returned.
    """
    pyramid = halved(shares)
    start = affine = start_affine(pyramid[0], template[0])
    places = _places(template.shape[1:])
    design = torch.cat([places.reshape(3, -1), torch.ones(1, places[0].numel())])
    for sigma, n_steps in _ROUNDS:
        aim = blurred(template, sigma).reshape(N_SHARES, -1)
        moving = blurred(pyramid, sigma)
        slopes = torch.stack(torch.gradient(moving, dim=(1, 2, 3)), 1).flatten(0, 1)
        stack = torch.cat([moving, slopes])
        for _ in range(n_steps):
            values = sample(stack, affine, places).reshape(4 * N_SHARES, -1)
            affine = affine + _step(aim - values[:N_SHARES], values[N_SHARES:], design)
    growth = float(torch.linalg.det(affine[:, :3]) / torch.linalg.det(start[:, :3]))
    return finer(affine if 1 / _MOST_GROWTH < growth < _MOST_GROWTH else start)


def finer(affine: Tensor) -> Tensor:
    """Return the affine between voxels of half the size on both sides; the corners of the grids stay."""
    fine = affine.clone()
    fine[:, 3] = 2 * affine[:, 3] + 0.5 - affine[:, :3].sum(1) / 2
    return fine


def _step(residual: Tensor, slopes: Tensor, design: Tensor) -> Tensor:
    """Return the Gauss-Newton step of the affine, (3, 4), from residuals (C, n) and slopes (3 C, n)."""
    columns = (slopes.reshape(N_SHARES, 3, 1, -1) * design).reshape(N_SHARES, 12, -1)
    normal = (columns @ columns.mT).sum(0, dtype=torch.float64)
    right = (columns @ residual[..., None])[..., 0].sum(0, dtype=torch.float64)
    normal += _DAMPING * torch.diag(normal.diagonal()) + 1e-9 * torch.eye(12, dtype=torch.float64)
    return torch.linalg.solve(normal, right).reshape(3, 4).float()


def inverse(affine: Tensor) -> Tensor:
    """Return the affine the other way, (3, 4)."""
    back = torch.linalg.inv(affine[:, :3])
    return torch.cat([back, -(back @ affine[:, 3:])], 1)


def sample(maps: Tensor, affine: Tensor, places: Tensor, *, outside: str = "zeros") -> Tensor:
    """Return maps at affine-transformed voxels, (C, ...), interpolated linearly.

    Parameters
    ----------
    maps : Tensor, (C, I, J, K)
    affine : Tensor, (3, 4)
    places : Tensor, (3, ...)
    outside : {"zeros", "border"}
        What lies beyond the maps.
    """
    where = affine[:, :3] @ places.reshape(3, -1) + affine[:, 3:]
    size = torch.tensor(maps.shape[1:], dtype=torch.float32)[:, None]
    grid = ((2 * where + 1) / size - 1).flip(0).T[None, None, None]
    values = functional.grid_sample(maps[None], grid, padding_mode=outside, align_corners=False)
    return values[0, :, 0, 0].reshape(len(maps), *places.shape[1:])


def blurred(maps: Tensor, sigma: float) -> Tensor:
    """Return maps, (C, I, J, K), convolved with a Gaussian of ``sigma`` voxels; zeros lie outside."""
    radius = math.ceil(2.5 * sigma)
    x = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = kernel / kernel.sum()
    out = maps[:, None]
    for axis in range(3):
        shape, pads = [1, 1, 1, 1, 1], [0, 0, 0]
        shape[2 + axis], pads[axis] = -1, radius
        out = functional.conv3d(out, kernel.view(shape), padding=pads)
    return out[:, 0]


def halved(shares: Tensor) -> Tensor:
    """Return shares at 2 mm from shares at 1 mm; sides of odd length are filled up with zeros."""
    pads = [w for n in reversed(shares.shape[1:]) for w in (0, n % 2)]
    return functional.avg_pool3d(functional.pad(shares, pads)[None], 2)[0]
