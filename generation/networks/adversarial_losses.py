"""Losses of adversarial training, each as its paper writes it."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def least_squares_critic(real: Tensor, generated: Tensor) -> Tensor:
    """Return the loss of the critic with targets 1 for real and 0 for made scores (mao2017, equation 9)."""
    return ((real.float() - 1).pow(2).mean() + generated.float().pow(2).mean()) / 2


def least_squares_generator(generated: Tensor) -> Tensor:
    """Return the loss of a generator that wants the score 1 (mao2017, equation 9)."""
    return (generated.float() - 1).pow(2).mean() / 2


def logistic_critic(real: Tensor, generated: Tensor) -> Tensor:
    """Return the cross-entropy of a critic whose scores are log-odds of being real (goodfellow2014)."""
    return functional.softplus(-real.float()).mean() + functional.softplus(generated.float()).mean()


def logistic_generator(generated: Tensor) -> Tensor:
    """Return the non-saturating loss of a generator (goodfellow2014)."""
    return functional.softplus(-generated.float()).mean()


def feature_matching(real: Sequence[Tensor], generated: Sequence[Tensor]) -> Tensor:
    """Return the mean squared difference of the critic's features, over its layers (larsen2016, equation 7).

    The features of real images are a target: no gradient flows into them.
    """
    pairs = zip(real, generated, strict=True)
    return torch.stack([(m.float() - r.detach().float()).pow(2).mean() for r, m in pairs]).mean()


def normal_divergence(mean: Tensor, spread: Tensor) -> Tensor:
    """Return the divergence of latents, (B, n), from a standard normal: summed over n, mean over B."""
    variance = spread.float().pow(2)
    each = mean.float().pow(2) + variance - variance.clamp_min(1e-12).log() - 1
    return 0.5 * each.sum(dim=1).mean()
