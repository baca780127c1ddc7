"""Blocks of convolutions that several networks share. None mixes the samples of a batch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.generation.ldm.folding import mean_over_blocks

GROUPS = 8


def group_norm(channels: int, *, affine: bool = True) -> nn.GroupNorm:
    """Return a normalisation over the voxels and some channels of one sample."""
    groups = next(count for count in range(min(GROUPS, channels), 0, -1) if channels % count == 0)
    return nn.GroupNorm(groups, channels, affine=affine)


class ConditionedNorm(nn.Module):
    """Normalise each sample, then scale and shift its channels as a vector of that sample says.

    Starts as a plain normalisation.

    Parameters
    ----------
    channels : int
    width : int
        Length of the vector.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.norm = group_norm(channels, affine=False)
        self.to_scale_and_shift = nn.Linear(width, 2 * channels)
        nn.init.zeros_(self.to_scale_and_shift.weight)
        nn.init.zeros_(self.to_scale_and_shift.bias)

    def forward(self, features: Tensor, vector: Tensor) -> Tensor:
        """Return features, (B, C, i, j, k), of features and vectors, (B, width)."""
        scale, shift = self.to_scale_and_shift(vector)[:, :, None, None, None].chunk(2, dim=1)
        result: Tensor = self.norm(features) * (1 + scale) + shift
        return result


class ConditionedBlock(nn.Module):
    """Two convolutions with a shortcut, both preceded by a `ConditionedNorm`.

    Parameters
    ----------
    before, after : int
        Channels.
    width : int
        Length of the vector.
    """

    def __init__(self, before: int, after: int, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([ConditionedNorm(before, width), ConditionedNorm(after, width)])
        self.convs = nn.ModuleList(
            [nn.Conv3d(before, after, 3, padding=1), nn.Conv3d(after, after, 3, padding=1)]
        )
        self.shortcut = nn.Conv3d(before, after, 1) if before != after else nn.Identity()

    def forward(self, features: Tensor, vector: Tensor) -> Tensor:
        """Return features, (B, after, i, j, k)."""
        result: Tensor = features
        for norm, conv in zip(self.norms, self.convs, strict=True):
            result = conv(functional.silu(norm(result, vector)))
        total: Tensor = result + self.shortcut(features)
        return total


class PlainBlock(nn.Module):
    """Two convolutions with a shortcut, both preceded by a normalisation of each sample.

    Parameters
    ----------
    before, after : int
        Channels.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            group_norm(before), nn.SiLU(), nn.Conv3d(before, after, 3, padding=1),
            group_norm(after), nn.SiLU(), nn.Conv3d(after, after, 3, padding=1),
        )  # fmt: skip
        self.shortcut = nn.Conv3d(before, after, 1) if before != after else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """Return features, (B, after, i, j, k)."""
        total: Tensor = self.layers(features) + self.shortcut(features)
        return total


class Deviation(nn.Module):
    """How an image deviates from the mean image, in units of the usual deviation.

    Heads that are aligned differ little from each other; a network that is to tell them apart should not have
    to find the difference first.

    Parameters
    ----------
    shape : sequence of int
        Voxels.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, *shape))
        self.register_buffer("spread", torch.ones(()))

    def fit(self, mean: Tensor, spread: Tensor) -> None:
        """Take mean, (1, I, J, K), and root mean square deviation, a scalar, of images."""
        self.mean.copy_(mean)
        self.spread.copy_(spread.clamp_min(1e-3))

    def forward(self, images: Tensor) -> Tensor:
        """Return the deviation of images, (B, 1, I, J, K)."""
        deviation: Tensor = (images - self.mean) / self.spread
        return deviation


def perceptron(n_inputs: int, width: int, n_outputs: int) -> nn.Sequential:
    """Return a network of two layers on vectors."""
    return nn.Sequential(nn.Linear(n_inputs, width), nn.SiLU(), nn.Linear(width, n_outputs))


def doubled(features: Tensor) -> Tensor:
    """Return features of twice the size along each axis, interpolated linearly."""
    result: Tensor = functional.interpolate(features, scale_factor=2, mode="trilinear")
    return result


def without_checkerboard(volumes: Tensor) -> Tensor:
    """Return volumes weighted 1/4, 1/2, 1/4 along each axis, which is blind to patterns of two voxels.

    Volumes put together from blocks of voxels else carry the pattern of the blocks (odena2016).
    """
    return mean_over_blocks(volumes, 2)


def normal(shape: Any, generator: torch.Generator, device: torch.device) -> Tensor:
    """Return standard normal noise, drawn where the generator is and moved."""
    return torch.randn(tuple(shape), generator=generator, device=generator.device).to(device)
