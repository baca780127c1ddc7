"""From an image and its conditions to a distribution of latents: the encoder of VAE-GAN."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.generation.ldm.networks import fold as folded
from plausibrain.generation.networks.blocks import Deviation, PlainBlock, group_norm
from plausibrain.generation.networks.volume_generator import conditions_about_zero


class VolumeEncoder(nn.Module):
    """Shrink an image to a few cells and read mean and standard deviation of the latents from them.

    It knows the conditions, so that the latents need not repeat them.

    Parameters
    ----------
    cells : sequence of int
        Coarsest sizes.
    channels : sequence of int
        From fine to coarse; each after the first halves the sizes.
    n_latent, n_conditions : int
    fold : int
        Edge of the blocks of voxels that become channels.
    """

    def __init__(
        self, cells: Sequence[int], channels: Sequence[int], n_latent: int, n_conditions: int, fold: int = 2
    ) -> None:
        super().__init__()
        self.fold = fold
        stride = fold * 2 ** (len(channels) - 1)
        self.deviation = Deviation([stride * size for size in cells])
        self.first = nn.Conv3d(fold**3, channels[0], 3, padding=1)
        self.downs = nn.ModuleList(nn.Conv3d(a, b, 4, stride=2, padding=1) for a, b in pairwise(channels))
        self.blocks = nn.ModuleList(PlainBlock(b, b) for b in channels[1:])
        self.norm = group_norm(channels[-1])
        size = int(channels[-1] * cells[0] * cells[1] * cells[2])
        self.read = nn.Linear(size + n_conditions, 2 * n_latent)

    def forward(self, images: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the latents, (B, n_latent) each."""
        features = self.first(folded(self.deviation(images), self.fold))
        for down, block in zip(self.downs, self.blocks, strict=True):
            features = block(down(features))
        flat = functional.silu(self.norm(features)).flatten(1)
        moments = self.read(torch.cat((flat, conditions_about_zero(conditions)), dim=1)).float()
        mean, log_variance = moments.chunk(2, dim=1)
        return mean, torch.exp(0.5 * log_variance.clamp(-12.0, 6.0))
