"""An encoder that halves and a decoder that doubles, made of residual blocks.

Normalisation is over groups of channels of one image, so that nothing mixes the images of a batch.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from plausibrain.generation.ldm.networks import fold, unfold


class ResidualBlock(nn.Module):
    """Two convolutions beside a short cut.

    Parameters
    ----------
    channels : int
    groups : int
        Of the normalisation; divides the channels.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.GroupNorm(groups, channels, eps=1e-6), nn.SiLU()]
            layers += [nn.Conv3d(channels, channels, 3, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same shape."""
        output: Tensor = maps + self.layers(maps)
        return output


class Encoder(nn.Module):
    """Images to vectors; every level after the first has half the size.

    Parameters
    ----------
    channels : sequence of int
        Of each level, finest first.
    width : int
        Length of the vectors.
    edge : int
        Blocks of edge x edge x edge voxels are stacked as channels first (see
        `plausibrain.generation.ldm.networks.FoldedAutoencoder`).
    groups : int
    """

    def __init__(self, channels: Sequence[int], *, width: int, edge: int, groups: int) -> None:
        super().__init__()
        self.edge = edge
        layers: list[nn.Module] = [nn.Conv3d(edge**3, channels[0], 3, padding=1)]
        for before, after in pairwise(channels):
            layers += [ResidualBlock(before, groups), nn.Conv3d(before, after, 4, stride=2, padding=1)]
        layers += [ResidualBlock(channels[-1], groups), nn.GroupNorm(groups, channels[-1], eps=1e-6)]
        self.layers = nn.Sequential(*layers, nn.SiLU(), nn.Conv3d(channels[-1], width, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return vectors, (B, width, i, j, k), of images, (B, 1, I, J, K)."""
        return cast(Tensor, self.layers(fold(images, self.edge)))


class Decoder(nn.Module):
    """Vectors to images, the mirror of `Encoder`, with the same parameters."""

    def __init__(self, channels: Sequence[int], *, width: int, edge: int, groups: int) -> None:
        super().__init__()
        self.edge = edge
        widths = list(channels)[::-1]
        layers: list[nn.Module] = [nn.Conv3d(width, widths[0], 3, padding=1)]
        layers += [ResidualBlock(widths[0], groups)]
        for before, after in pairwise(widths):
            layers += [nn.Upsample(scale_factor=2.0, mode="nearest")]
            layers += [nn.Conv3d(before, after, 3, padding=1), ResidualBlock(after, groups)]
        layers += [nn.GroupNorm(groups, widths[-1], eps=1e-6), nn.SiLU()]
        last = nn.Conv3d(widths[-1], edge**3, 3, padding=1)
        with torch.no_grad():  # all voxels of a block start alike, or a checkerboard takes long to unlearn
            last.weight.copy_(last.weight[:1].expand_as(last.weight))
        self.layers = nn.Sequential(*layers, last)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return images, (B, 1, I, J, K), of vectors, (B, width, i, j, k)."""
        return unfold(cast(Tensor, self.layers(vectors)), self.edge)
