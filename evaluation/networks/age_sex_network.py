"""A small fully convolutional network of age and sex, after SFCN (Peng et al. 2021, key PengSFCN2021).

Blocks of 3 x 3 x 3 convolution, batch norm, pooling by 2 and ReLU, one block of 1 x 1 x 1, then the mean over
what is left. SFCN has five blocks of 32 to 256 channels for 1 mm and predicts a distribution over ages; here
four narrower blocks see 4 mm, and age is one number, since references have hundreds of images and not 15,000.
"""

from itertools import pairwise

import torch
from monai.networks.blocks import Convolution
from torch import Tensor, nn

CHANNELS = (1, 16, 32, 64, 64)
LAST, DROPOUT = 32, 0.3


class AgeSexNetwork(nn.Module):
    """Age in standard deviations of the training set, and a score of sex that is positive for men."""

    def __init__(self, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for before, after in pairwise(channels):
            blocks += [
                Convolution(3, before, after, kernel_size=3, norm="batch", act=None, adn_ordering="N"),
                nn.MaxPool3d(2),
                nn.ReLU(),
            ]
        blocks.append(
            Convolution(3, channels[-1], LAST, kernel_size=1, norm="batch", act="relu", adn_ordering="NA")
        )
        self.features = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(LAST, 2))

    def forward(self, images: Tensor) -> Tensor:
        """Return age and score of sex, (n, 2), of images (n, 1, I, J, K)."""
        result: Tensor = self.head(self.features(images).mean(dim=(2, 3, 4)))
        return result


def parameters_of(network: nn.Module) -> int:
    """Return the number of weights."""
    return sum(p.numel() for p in network.parameters())


def balanced(male: Tensor) -> Tensor:
    """Return weights that make both sexes count alike, (n,), mean 1; all 1 where there is one sex."""
    share = torch.where(male > 0.5, male.mean(), 1 - male.mean())
    return torch.where(share > 0, 0.5 / share.clamp_min(1e-6), torch.ones_like(share))
