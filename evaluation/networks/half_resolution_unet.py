"""A 3D U-Net that reads and writes 1 mm voxels and does its work at 2 mm.

A 1 mm block of 2 x 2 x 2 voxels becomes eight channels of one 2 mm voxel, so nothing of the image is lost and
the expensive convolutions run on an eighth of the voxels. The way back is the reverse (a sub-voxel shuffle),
followed by one 3 x 3 x 3 convolution that sees the shuffled features and the image itself at 1 mm, where
edges are drawn; its logits are added to coarse ones, one for every 2 mm voxel. No norm stands after the last
convolutions: it would amplify a structure that is absent.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.cohorts.arithmetic import fast_autocast
from plausibrain.evaluation.channels import N_STRUCTURES

#: Network input is padded to a multiple of this many voxels (2 for the shuffle, 8 for three poolings).
STRIDE = 16
#: Planes of 2 mm that `HalfResolutionUNet.slabs` sharpens at a time.
_SLAB = 4


Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network, device: str) -> Network:
    """Return the network on a device, its convolutions in the memory order that is fast on CPU and GPU."""
    network.to(device)
    for parameter in network.parameters():
        if parameter.ndim == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    return network


class InstanceNorm(nn.Module):
    """Normalise each channel by its mean and variance over the image, then scale and shift.

    Calls the batch-norm kernel with a batch of one, which on CPU is about twenty times faster than instance
    norm in channels-last memory; hence one image at a time.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_channels))
        self.bias = nn.Parameter(torch.zeros(n_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised features, (1, C, I, J, K)."""
        return functional.batch_norm(x, None, None, self.weight, self.bias, training=True)


class ConvBlock(nn.Sequential):
    """3 x 3 x 3 convolution, instance norm, leaky ReLU."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(
            nn.Conv3d(n_in, n_out, 3, padding=1, bias=False),
            InstanceNorm(n_out),
            nn.LeakyReLU(0.01, inplace=True),
        )


def fold(x: Tensor) -> Tensor:
    """Return 2 x 2 x 2 blocks of voxels as channels: (N, C, 2I, 2J, 2K) -> (N, 8C, I, J, K)."""
    n, c, i, j, k = x.shape
    x = x.reshape(n, c, i // 2, 2, j // 2, 2, k // 2, 2)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(n, 8 * c, i // 2, j // 2, k // 2)


def unfold(x: Tensor) -> Tensor:
    """Return channels as blocks of voxels, undoing `fold`: (N, 8C, I, J, K) -> (N, C, 2I, 2J, 2K).

    Channels vary fastest in the result's memory (channels last).
    """
    n, c, i, j, k = x.shape
    x = x.permute(0, 2, 3, 4, 1).reshape(n, i, j, k, 2, 2, 2, c // 8)
    x = x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(n, 2 * i, 2 * j, 2 * k, c // 8)
    return x.permute(0, 4, 1, 2, 3)


def repeat(x: Tensor) -> Tensor:
    """Return every voxel as 2 x 2 x 2 equal ones: (N, C, I, J, K) -> (N, C, 2I, 2J, 2K)."""
    n, c, i, j, k = x.shape
    blocks = x.permute(0, 2, 3, 4, 1)[:, :, None, :, None, :, None].expand(n, i, 2, j, 2, k, 2, c)
    return blocks.reshape(n, 2 * i, 2 * j, 2 * k, c).permute(0, 4, 1, 2, 3)


def halve(x: Tensor) -> Tensor:
    """Return the largest value of every 2 x 2 x 2 voxels: (N, C, 2I, 2J, 2K) -> (N, C, I, J, K).

    Without gradients by pairs of planes: under autocast ``max_pool3d`` goes through float32, which costs ten
    times as much for the same values.
    """
    if torch.is_grad_enabled():
        return functional.max_pool3d(x, 2)
    x = torch.maximum(x[:, :, ::2], x[:, :, 1::2])
    x = torch.maximum(x[:, :, :, ::2], x[:, :, :, 1::2])
    return torch.maximum(x[..., ::2], x[..., 1::2])


class HalfResolutionUNet(nn.Module):
    """Image at 1 mm to the logits of 19 structures and of "left" at 1 mm.

    Parameters
    ----------
    features : sequence of int
        Channels of the levels at 2, 4, 8 and 16 mm.
    n_fine : int
        Channels at 1 mm.
    """

    def __init__(self, features: tuple[int, ...] = (24, 48, 96, 128), n_fine: int = 12) -> None:
        super().__init__()
        self.stem = ConvBlock(8, features[0])
        widths = [features[0], *features]
        self.down = nn.ModuleList(
            nn.Sequential(ConvBlock(a, b), ConvBlock(b, b)) if level else ConvBlock(a, b)
            for level, (a, b) in enumerate(zip(widths[:-1], features, strict=True))
        )
        pairs = list(pairwise(features))[::-1]
        self.rise = nn.ModuleList(nn.ConvTranspose3d(high, low, 2, stride=2) for low, high in pairs)
        self.up = nn.ModuleList(
            nn.Sequential(ConvBlock(2 * low, low), ConvBlock(low, low)) for low, _ in pairs
        )
        self.spread = nn.Conv3d(features[0], 8 * n_fine, 1)
        self.fine = nn.Sequential(nn.Conv3d(n_fine + 1, 16, 3, padding=1), nn.LeakyReLU(0.01, inplace=True))
        self.head = nn.Conv3d(16, N_STRUCTURES + 1, 1, bias=False)
        self.coarse = nn.Conv3d(features[0], N_STRUCTURES + 1, 1)

    def forward(self, image: Tensor, *, fine: bool = True) -> Tensor:
        """Return logits, (1, 20, I, J, K); the last channel is that of "left".

        Parameters
        ----------
        image : Tensor, (1, 1, I, J, K)
            Sides are multiples of 16.
        fine : bool
            False leaves the work at 1 mm out and returns the coarse logits, (1, 20, I/2, J/2, K/2).
        """
        x = self.work(image)
        return self.sharpen(x, image, self.coarse(x)) if fine else self.coarse(x)

    def slabs(self, image: Tensor, *, fine: bool = True) -> Iterator[tuple[int, Tensor]]:
        """Yield the logits of `forward` slab by slab along I: the first plane, and (1, 20, i, J, K).

        Done for the whole image at once, the work at 1 mm needs three times the memory and half as much time
        again.
        """
        with fast_autocast(image.device):
            x = self.work(image)
            coarse = self.coarse(x)
        if not fine:
            yield 0, coarse
            return
        for first in range(0, x.shape[2], _SLAB):
            with fast_autocast(image.device):
                logits = self.sharpen(x, image, coarse, first, min(first + _SLAB, x.shape[2]))
            yield 2 * first, logits

    def both(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits at 2 mm and at 1 mm; a training needs both."""
        x = self.work(image)
        coarse = self.coarse(x)
        return coarse, self.sharpen(x, image, coarse)

    def work(self, image: Tensor) -> Tensor:
        """Return the features at 2 mm, (1, C, I/2, J/2, K/2)."""
        x = self.stem(fold(image).contiguous(memory_format=torch.channels_last_3d))
        skips = []
        for level, block in enumerate(self.down):
            x = block(halve(x) if level else x)
            skips.append(x)
        x = skips.pop()
        for rise, block in zip(self.rise, self.up, strict=True):
            x = block(torch.cat([rise(x), skips.pop()], dim=1))
        return x

    def sharpen(
        self, x: Tensor, image: Tensor, coarse: Tensor, first: int = 0, last: int | None = None
    ) -> Tensor:
        """Return the logits at 1 mm, from the features, the image and the logits at 2 mm.

        Those of the planes ``first`` to ``last`` of 2 mm, without the latter; by default of all.
        """
        last = x.shape[2] if last is None else last
        low, high = max(first - 1, 0), min(last + 1, x.shape[2])
        before, after = first - low, high - last
        sharp = torch.cat(
            [unfold(self.spread(x[:, :, low:high])), image[:, :, 2 * low : 2 * high].to(x.dtype)], dim=1
        )
        fine = self.fine(sharp[:, :, before : sharp.shape[2] - after])
        fine = fine[:, :, before : fine.shape[2] - after]
        return self.head(fine) + repeat(coarse[:, :, first:last])


def features_of(weights: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Return the widths of the levels that weights of a `HalfResolutionUNet` were made for."""
    first = weights["down.0.0.weight"].shape[0]
    return (first, *(weights[f"down.{level}.0.0.weight"].shape[0] for level in (1, 2, 3)))
