"""The discriminator of both adversarial models: whether an image is real and shows what was asked."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from plausibrain.generation.ldm.networks import fold as folded
from plausibrain.generation.networks.blocks import Deviation
from plausibrain.generation.networks.volume_generator import conditions_about_zero

#: Channels per patch from which conditions are guessed.
GUESS_CHANNELS = 16


class Judgement(NamedTuple):
    """What the critic says.

    Attributes
    ----------
    scores : Tensor, (B, i, j, k)
        One per patch, higher for real.
    guesses : Tensor, (B, n_conditions)
        Of the scaled conditions, from the image alone.
    features : list of Tensor
        After each layer, for feature matching (larsen2016).
    """

    scores: Tensor
    guesses: Tensor
    features: list[Tensor]


class Critic(nn.Module):
    """Judge patches of an image, given its conditions, and guess the conditions.

    Conditions enter by projection (miyato2018): a learned vector of them, multiplied with the features of
    each patch. The guesses are an auxiliary regression in the place of an auxiliary classifier (odena2017),
    because age and volumes are continuous. Convolutions are spectrally normalised, as there, so scores
    cannot run away. Our design.

    Parameters
    ----------
    shape : sequence of int
        Voxels of the images.
    channels : sequence of int
        Each layer halves the sizes.
    n_conditions : int
    fold : int
        Edge of the blocks of voxels that become channels.
    """

    def __init__(
        self, shape: Sequence[int], channels: Sequence[int], n_conditions: int, fold: int = 2
    ) -> None:
        super().__init__()
        self.fold, self.deviation = fold, Deviation(shape)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv3d(a, b, 4, stride=2, padding=1)) for a, b in pairwise((fold**3, *channels))
        )
        self.score = spectral_norm(nn.Conv3d(channels[-1], 1, 1))
        self.project = nn.Linear(n_conditions, channels[-1], bias=False)
        n_patches = prod(size // (fold * 2 ** len(channels)) for size in shape)
        self.guess = nn.Sequential(
            nn.Conv3d(channels[-1], GUESS_CHANNELS, 1), nn.LeakyReLU(0.2), nn.Flatten(),
            nn.Linear(GUESS_CHANNELS * n_patches, n_conditions),
        )  # fmt: skip
        nn.init.zeros_(self.project.weight)

    def forward(
        self, images: Tensor, conditions: Tensor, shift: tuple[int, int, int] = (0, 0, 0)
    ) -> Judgement:
        """Return the judgement of images, (B, 1, I, J, K), that claim scaled conditions.

        With a `shift`, voxels, the images are moved before they are judged. A strided critic treats the
        voxels of a block differently; with another shift at each step its gradient draws no pattern.
        """
        deviations = self.deviation(images).roll(shift, dims=(2, 3, 4))
        features, all_features = folded(deviations, self.fold), []
        for layer in self.layers:
            features = functional.leaky_relu(layer(features), 0.2)
            all_features.append(features)
        projection = self.project(conditions_about_zero(conditions))[:, :, None, None, None]
        match = (features * projection).mean(dim=1)
        scores = self.score(features)[:, 0] + match
        return Judgement(scores.float(), self.guess(features).float(), all_features)
