"""A random piece of a randomly deformed label map."""

import math

import torch
from torch import Tensor

from makers.synthesis.fields import Draws, chance, normal, smooth_field, uniform


def draw_codes(
    codes: Tensor, centre: Tensor, shape: tuple[int, int, int], generator: Draws
) -> tuple[Tensor, bool]:
    """Return a deformed block of a label map and whether it was flipped left to right.

    Parameters
    ----------
    codes : Tensor of uint8, (I, J, K)
        Label codes, RAS, 1 mm.
    centre : Tensor, (3,)
        Voxel of ``codes`` that comes to lie in the middle of the block.
    shape : tuple of 3 ints
        Size of the block, mm.

    Returns
    -------
    block : Tensor of uint8, ``shape``
    flipped : bool
        The caller exchanges the sides.
    """
    flip = chance(0.5, generator)
    axes = [torch.arange(n, dtype=torch.float32, device=codes.device) - (n - 1) / 2 for n in shape]
    matrix = _random_affine(generator)
    if flip:
        matrix = matrix @ torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    displacement = _random_displacement(shape, generator)
    index = torch.zeros(shape, dtype=torch.int64, device=codes.device)
    outside = torch.zeros(shape, dtype=torch.bool, device=codes.device)
    for row, size in enumerate(codes.shape):
        m = matrix[row].tolist()
        place = m[0] * axes[0][:, None, None] + m[1] * axes[1][:, None] + m[2] * axes[2]
        place = place.add_(displacement[row]).add_(float(centre[row])).round_().to(torch.int64)
        outside |= (place < 0) | (place >= size)
        index = index * size + place.clamp_(0, size - 1)
    block = codes.flatten()[index.flatten()].reshape(shape)
    return block.masked_fill_(outside, 0), flip


def _random_affine(generator: Draws) -> Tensor:
    """Return output to input: rotations (SD 8 degrees), common and separate scales, shears."""
    if chance(0.3, generator):
        angles = [uniform(-0.45, 0.45, generator) for _ in range(3)]
    else:
        angles = (normal((3,), generator) * math.radians(8)).clamp(-0.4, 0.4).tolist()
    matrix = torch.eye(3)
    for axis, angle in enumerate(angles):
        c, s = math.cos(angle), math.sin(angle)
        a, b = [k for k in range(3) if k != axis]
        rotation = torch.eye(3)
        rotation[a, a] = rotation[b, b] = c
        rotation[a, b], rotation[b, a] = -s, s
        matrix = matrix @ rotation
    scale = uniform(0.86, 1.14, generator) * (1 + 0.05 * normal((3,), generator).cpu().clamp(-2, 2))
    shear = torch.eye(3) + 0.04 * normal((3, 3), generator).cpu().clamp(-2, 2).fill_diagonal_(0)
    return matrix @ torch.diag(scale) @ shear


def _random_displacement(shape: tuple[int, int, int], generator: Draws) -> Tensor:
    """Return a displacement in mm, (3, I, J, K): one field over 30 mm, one over 12 mm."""
    wide = smooth_field(shape, 30, generator, 3) * uniform(0, 4.0, generator)
    return wide.add_(smooth_field(shape, 12, generator, 3), alpha=uniform(0, 1.6, generator))
