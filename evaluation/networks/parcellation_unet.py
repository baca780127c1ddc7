"""A small U-Net that corrects an atlas: which of 34 parcels a voxel of a standard hemisphere belongs to.

It never sees an image: its input is where cortex and deep structures lie in the standard block, in voxels of
2 mm, so that contrast, noise and scanner cannot move a border between parcels. What it says is added to the
logarithm of the atlas, so without any training the answer would be the atlas. The right hemisphere is shown
mirrored; one network serves both.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.evaluation.networks.half_resolution_unet import ConvBlock, fold, halve
from plausibrain.evaluation.standard_hemisphere import BLOCK, N_SHARES

N_PARCELS = 34
#: The atlas in voxels of 4 mm.
ATLAS_SHAPE = (N_PARCELS, *(n // 2 for n in BLOCK))
#: Least probability of a parcel in the atlas.
_LEAST = 1e-4


class ParcellationUNet(nn.Module):
    """Shares of tissue in the standard block at 2 mm to the logits of 34 parcels; works at 4, 8 and 16 mm.

    Parameters
    ----------
    features : three ints
        Channels of the levels.
    """

    atlas: Tensor

    def __init__(self, features: tuple[int, int, int] = (32, 48, 64)) -> None:
        super().__init__()
        first, second, third = features
        self.register_buffer("atlas", torch.full(ATLAS_SHAPE, 1 / N_PARCELS))
        self.stem = nn.Sequential(ConvBlock(8 * (N_SHARES + 3), first), ConvBlock(first, first))
        self.middle = nn.Sequential(ConvBlock(first, second), ConvBlock(second, second))
        self.deep = nn.Sequential(ConvBlock(second, third), ConvBlock(third, third))
        self.rise = nn.ModuleList(
            [nn.ConvTranspose3d(third, second, 2, stride=2), nn.ConvTranspose3d(second, first, 2, stride=2)]
        )
        self.up = nn.ModuleList([ConvBlock(2 * second, second), ConvBlock(2 * first, first)])
        self.head = nn.Conv3d(first, 8 * N_PARCELS, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(cast(Tensor, self.head.bias))

    def forward(self, shares: Tensor) -> Tensor:
        """Return logits folded to voxels of 4 mm, (1, 8 x 34, ...), of shares, (1, 4, *BLOCK)."""
        x = torch.cat([shares, coordinates(shares)], dim=1)
        first = self.stem(fold(x).contiguous(memory_format=torch.channels_last_3d))
        second = self.middle(halve(first))
        x = self.deep(halve(second))
        for rise, up, skip in zip(self.rise, self.up, (second, first), strict=True):
            x = up(torch.cat([rise(x), skip], dim=1))
        out: Tensor = self.head(x)
        return out

    def prior(self) -> Tensor:
        """Return the logarithm of the atlas at 2 mm, (34, *BLOCK)."""
        smooth = functional.interpolate(self.atlas[None], size=BLOCK, mode="trilinear", align_corners=False)
        return smooth[0].clamp_min(_LEAST).log()


def coordinates(like: Tensor) -> Tensor:
    """Return where every voxel lies in the block, -1 to 1 along each axis, (1, 3, I, J, K)."""
    axes = [torch.linspace(-1, 1, n, device=like.device) for n in like.shape[2:]]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None].to(like.dtype)
