"""What the network is trained for: Dice and cross-entropy of the structures, and of the side."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from evaluation.synthesis.anatomy import N_STRUCTURES

#: A structure with fewer voxels than this in a block has no Dice there.
_FEW = 20


def segmentation_loss(logits: Tensor, target: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss and the soft Dice of every structure in the block.

    Parameters
    ----------
    logits : Tensor, (1, 20, I, J, K)
        Of `HalfResolutionUNet`.
    target : Tensor of int64, (I, J, K)
    side : Tensor of uint8, (I, J, K)
        0 without a side, 1 left, 2 right.

    Returns
    -------
    loss : Tensor, scalar
        (1 - mean Dice over the structures present) + weighted cross-entropy + 0.3 x cross-entropy of the
        side.
    dice : Tensor, (19,)
        NaN for a structure that is absent.
    """
    flat = logits[0].permute(1, 2, 3, 0).reshape(-1, N_STRUCTURES + 1)
    loss, dice = _DiceCrossEntropy.apply(flat, target.flatten(), side.flatten())
    return loss, dice


class _DiceCrossEntropy(torch.autograd.Function):
    """Dice plus weighted cross-entropy of logits (V, C), with the gradient written out.

    Autograd would keep four float32 arrays of V x C and pass over each several times; on CPU that costs as
    much as the network. With p = softmax(logits), I_c = sum of p over the voxels of c, n_c their number, T_c
    = sum of p_c + n_c: loss = 1 - mean_c (2 I_c + 1) / (T_c + 1) - sum_v w_t(v) log p_t(v). The weight w_c is
    n_c ** -0.4, scaled to sum to one over voxels, so that the amygdala counts beside white matter.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, truth: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
        """Return loss and Dice; the gradient is made here, while the probabilities are at hand."""
        p = torch.softmax(logits[:, :-1].float(), dim=1)
        n_channels = p.shape[1]
        picked = p.gather(1, truth[:, None])[:, 0]
        count = torch.bincount(truth, minlength=n_channels).to(p.dtype)
        weight = count.clamp_min(1) ** -0.4
        weight = weight / (weight * count).sum()
        overlap = torch.zeros_like(count).index_add_(0, truth, picked)
        dice = (2 * overlap + 1) / (p.sum(0) + count + 1)
        present = (count > _FEW) & (torch.arange(n_channels, device=p.device) > 0)
        share = present / present.sum().clamp_min(1) / (p.sum(0) + count + 1)
        w, at_truth = weight[truth], (picked * (-2 * share)[truth])
        loss = (present * (1 - dice)).sum() / present.sum().clamp_min(1)
        loss = loss - (w * picked.clamp_min(1e-12).log()).sum()
        common = w - at_truth - p @ (share * dice)
        p.mul_(share * dice + common[:, None]).scatter_add_(1, truth[:, None], (at_truth - w)[:, None])
        side_loss, side_gradient = _side_loss(logits[:, -1].float(), side)
        ctx.save_for_backward(torch.cat([p, side_gradient[:, None]], dim=1).to(logits.dtype))
        dice = torch.where(count > _FEW, dice, torch.nan)
        ctx.mark_non_differentiable(dice)
        return loss + side_loss, dice

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the logits."""
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0].to(gradient.dtype), None, None


def _side_loss(logit: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
    """Return 0.3 x the binary cross-entropy of "left" over the voxels that have a side, and its gradient."""
    has_side = side > 0
    left = (side == 1).float()
    scale = 0.3 / has_side.sum().clamp_min(1)
    losses = functional.binary_cross_entropy_with_logits(logit, left, reduction="none")
    return scale * (losses * has_side).sum(), scale * (torch.sigmoid(logit) - left) * has_side
