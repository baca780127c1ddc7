"""From noise and conditions to an image: the generator of LSGAN and the decoder of VAE-GAN."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.generation.ldm.networks import unfold
from plausibrain.generation.networks.blocks import (
    ConditionedBlock,
    doubled,
    group_norm,
    perceptron,
    without_checkerboard,
)

#: Grey value that stands for black in the template, where log-odds are finite.
FAINTEST = 0.005


class VolumeGenerator(nn.Module):
    """Grow an image from a few cells.

    The cells start as a learned constant plus what noise and conditions say (a dense layer), and each block
    scales its channels by both, so that a condition reaches coarse and fine detail. The network draws how an
    image deviates from a template, the mean of the training images, on the scale of log-odds. Our design.

    Parameters
    ----------
    cells : sequence of int
        Coarsest sizes along I, J, K.
    channels : sequence of int
        From coarse to fine; each after the first doubles the sizes.
    n_latent : int
        Length of the noise.
    n_conditions : int
    width : int
        Of the vector that modulates the blocks.
    fold : int
        Edge of the block of voxels that each last cell becomes (see
        `plausibrain.generation.ldm.networks.unfold`).
    """

    template: Tensor

    def __init__(
        self,
        cells: Sequence[int],
        channels: Sequence[int],
        n_latent: int,
        n_conditions: int,
        width: int = 64,
        fold: int = 2,
    ) -> None:
        super().__init__()
        self.cells, self.n_latent, self.fold = tuple(cells), n_latent, fold
        self.start = nn.Parameter(torch.randn(channels[0], *self.cells) * 0.5)
        size = int(channels[0] * cells[0] * cells[1] * cells[2])
        self.spread = nn.Linear(n_latent + n_conditions, size)
        self.mapping = perceptron(n_latent + n_conditions, width, width)
        sizes = [channels[0], *channels]
        self.blocks = nn.ModuleList(ConditionedBlock(a, b, width) for a, b in pairwise(sizes))
        self.last = nn.Sequential(
            group_norm(channels[-1]), nn.SiLU(), nn.Conv3d(channels[-1], fold**3, 3, padding=1)
        )
        self._start_alike()
        self.register_buffer("template", torch.zeros(1, *self.shape))

    @torch.no_grad()
    def _start_alike(self) -> None:
        """Let all voxels of a block start with the same weights, so that no pattern of blocks is drawn."""
        for parameter in self.last[-1].parameters():
            parameter.copy_(parameter[:1].expand_as(parameter).clone())

    def set_template(self, mean_image: Tensor) -> None:
        """Take the mean of the training images, (1, I, J, K), 0 to 1, as the image of no deviation."""
        self.template.copy_(torch.logit(mean_image.clamp(FAINTEST, 1 - FAINTEST)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the images."""
        stride = self.fold * 2 ** (len(self.blocks) - 1)
        size_i, size_j, size_k = (stride * size for size in self.cells)
        return size_i, size_j, size_k

    def forward(self, latent: Tensor, conditions: Tensor) -> Tensor:
        """Return images, (B, 1, I, J, K), 0 to 1.

        Parameters
        ----------
        latent : Tensor, (B, n_latent)
        conditions : Tensor, (B, n_conditions)
            Scaled, about 0 to 1.
        """
        inputs = torch.cat((latent, conditions_about_zero(conditions)), dim=1)
        vector = functional.silu(self.mapping(inputs))
        features = self.start + self.spread(inputs).view(-1, *self.start.shape)
        for number, block in enumerate(self.blocks):
            features = block(features if number == 0 else doubled(features), vector)
        deviation = unfold(self.last(features).float(), self.fold)
        return torch.sigmoid(without_checkerboard(deviation) + self.template)


def conditions_about_zero(conditions: Tensor) -> Tensor:
    """Return conditions of 0 to 1 as -1 to 1."""
    return 2 * conditions - 1
