"""Layers at full resolution behind a decoder that ends at half of it.

A decoder whose last convolution fills blocks of 2 x 2 x 2 voxels at once leaves a pattern of blocks, and
borders that no voxel of its own has decided. These layers see the decoder's last features and its image, and
add what is missing to the image.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.generation.ldm.folding import unfold

#: Voxels of the decoder's features, along each axis, that one voxel of the image depends on to either side:
#: two convolutions of 3 at the features' resolution, three at full resolution.
REACH = 4


class DetailLayers(nn.Module):
    """Convolutions at the resolution of the decoder's features, then at that of the image.

    Parameters
    ----------
    features : int
        Channels of the decoder's last features.
    edge : int
        Edge of the blocks that the decoder fills, voxels.
    width : int
        Channels at the features' resolution.
    channels : int
        Channels at full resolution.
    """

    def __init__(self, features: int, edge: int, *, width: int, channels: int) -> None:
        super().__init__()
        self.edge = edge
        self.first = nn.Conv3d(features, width, 3, padding=1)
        self.second = nn.Conv3d(width, channels * edge**3, 3, padding=1)
        self.third = nn.Conv3d(channels + 1, channels, 3, padding=1)
        self.fourth = nn.Conv3d(channels, channels, 3, padding=1)
        self.last = nn.Conv3d(channels, 1, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, blocks: Tensor) -> Tensor:
        """Return images, (B, 1, I, J, K).

        Parameters
        ----------
        features : Tensor, (B, features, I / edge, J / edge, K / edge)
        blocks : Tensor, (B, edge ** 3, I / edge, J / edge, K / edge)
            The decoder's image, folded.
        """
        image = unfold(blocks, self.edge)
        hidden = functional.silu(self.first(features))
        hidden = functional.silu(unfold(self.second(hidden), self.edge))
        hidden = functional.silu(self.third(torch.cat((hidden, image), dim=1)))
        hidden = functional.silu(self.fourth(hidden))
        output: Tensor = image + self.last(hidden)
        return output
