"""Losses of the autoencoder beside L1: perceptual, patch-adversarial, Kullback–Leibler."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.generation.noise import seeded

FEATURE_SEED = 20_220_907
#: By what the adversary's view of a voxel against its neighbourhood is magnified.
LOCAL_CONTRAST = 30.0
#: Largest factor by which the adversary's loss is raised to pull as hard as the other terms.
MOST_BALANCE = 100.0


class RandomFeatures(nn.Module):
    """Perceptual loss on the responses of fixed, seeded random filters at four scales.

    A stand-in for networks trained on photographs, which would have to be downloaded: random convolutions
    followed by rectification and pooling respond to edges and texture, and a blurred image differs
    from a sharp one in their responses far more than in L1.

    Parameters
    ----------
    n_filters : int
        Per scale.
    n_scales : int
    """

    filters: Tensor

    def __init__(self, n_filters: int = 8, n_scales: int = 4) -> None:
        super().__init__()
        self.n_scales = n_scales
        with seeded(FEATURE_SEED):
            filters = torch.randn(n_filters, 1, 3, 3, 3)
        filters = filters - filters.mean(dim=(1, 2, 3, 4), keepdim=True)
        norm = filters.flatten(1).norm(dim=1).view(-1, 1, 1, 1, 1)
        self.register_buffer("filters", filters / norm, persistent=False)

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the mean absolute difference of the responses, over scales."""
        losses = []
        for _ in range(self.n_scales):
            features, target_features = (
                functional.conv3d(x, self.filters, stride=2).relu() for x in (images, targets)
            )
            losses.append((features - target_features).abs().mean())
            if min(images.shape[2:]) < 8:
                break
            images, targets = (functional.avg_pool3d(x, 2) for x in (images, targets))
        return torch.stack(losses).mean()


class PatchAdversary(nn.Module):
    """A discriminator that judges overlapping patches of an image (Isola2017), with least squares (Mao2017).

    It sees the image, and beside it how far every voxel lies from the mean of its neighbourhood, magnified:
    a blurred image differs from a sharp one by so small a share of its grey values that a discriminator of
    grey values alone does not learn the difference.

    Parameters
    ----------
    channels : int
        Of its first layer; the second and third have twice and four times as many.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        sizes = (2, channels, 2 * channels, 4 * channels)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Conv3d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv3d(sizes[-1], 1, 3, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        """Return one score per patch; 1 means real."""
        with torch.autocast(images.device.type, enabled=False):
            grey = images.float()
            neighbourhood = functional.avg_pool3d(grey, 3, stride=1, padding=1, count_include_pad=False)
            views = torch.cat((2 * grey - 1, LOCAL_CONTRAST * (grey - neighbourhood)), dim=1)
        scores: Tensor = self.layers(views)
        return scores


def balance(others: Tensor, deception: Tensor, last: Tensor) -> Tensor:
    """Return the factor with which the adversary's loss pulls a last layer as hard as the other terms.

    Parameters
    ----------
    others, deception : Tensor
        Scalars: the sum of the other terms, and the loss of not deceiving the adversary.
    last : Tensor
        Weights of the last layer.

    References
    ----------
    Esser2021, equation 7.
    """
    lengths = [torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (others, deception)]
    return (lengths[0] / (lengths[1] + 1e-6)).clamp_max(MOST_BALANCE).detach()


def kl_divergence(mean: Tensor, spread: Tensor) -> Tensor:
    """Return the divergence of the latents from a standard normal, summed over them, mean over the batch."""
    variance = spread.float().pow(2)
    each = mean.float().pow(2) + variance - variance.clamp_min(1e-12).log() - 1
    return 0.5 * each.flatten(1).sum(dim=1).mean()
