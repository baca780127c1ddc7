"""What the network is trained for: Dice and cross-entropy of the structures, and of the side."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from plausibrain.evaluation.channels import N_STRUCTURES

#: A structure with fewer voxels than this in a block has no Dice there.
_FEW = 20


def segmentation_loss(
    logits: Tensor, target: Tensor, side: Tensor, *, dice_weight: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Return the loss and the soft Dice of every structure in the block.

    Parameters
    ----------
    logits : Tensor, (1, 20, I, J, K)
        Of `HalfResolutionUNet`.
    target : Tensor of int64, (I, J, K)
    side : Tensor of uint8, (I, J, K)
        0 without a side, 1 left, 2 right.
    dice_weight : float
        Weight of the first term.

    Returns
    -------
    loss : Tensor, scalar
        (1 - mean Dice over the structures present) + cross-entropy per voxel of the brain + 0.3 x
        cross-entropy of the side.
    dice : Tensor, (19,)
        NaN for a structure that is absent.
    """
    flat = logits[0].permute(1, 2, 3, 0).reshape(-1, N_STRUCTURES + 1)
    loss, dice = _DiceCrossEntropy.apply(flat, target.flatten(), side.flatten(), dice_weight)
    return loss, dice


def coarse_loss(
    logits: Tensor, target: Tensor, side: Tensor, *, dice_weight: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Return the same loss at half the resolution, and the soft Dice of every structure.

    A voxel of 2 mm belongs to its eight voxels' structures in equal parts; its side is that of most of them.

    Parameters
    ----------
    logits : Tensor, (1, 20, I/2, J/2, K/2)
        Of `HalfResolutionUNet` without its fine part.
    target, side : Tensor, (I, J, K)
    dice_weight : float
        As in `segmentation_loss`.
    """
    flat = logits[0].flatten(1).T.float()
    eight = blocks(target)
    shares = torch.zeros(len(flat), N_STRUCTURES, device=flat.device)
    shares.scatter_add_(1, eight, torch.full_like(eight, 0.125, dtype=torch.float32))
    log_p = flat[:, :-1].log_softmax(1)
    p, count = log_p.exp(), shares.sum(0)
    dice = (2 * torch.minimum(p, shares).sum(0) + 1) / (p.sum(0) + count + 1)
    present = (count > _FEW / 8) & (torch.arange(N_STRUCTURES, device=flat.device) > 0)
    entropy = -(shares * log_p).sum() / count[1:].sum().clamp_min(1)
    sides = blocks(side.to(torch.int64))
    left, right = (sides == 1).sum(1), (sides == 2).sum(1)
    side_loss, _ = _side_loss(flat[:, -1], torch.where(left > right, 1, 2) * (left + right > 0))
    overlap = (present * (1 - dice)).sum() / present.sum().clamp_min(1)
    loss = dice_weight * overlap + entropy + side_loss
    return loss, torch.where(count > _FEW / 8, dice.detach(), torch.nan)


def blocks(values: Tensor) -> Tensor:
    """Return the eight voxels of every 2 x 2 x 2 block, (number of blocks, 8)."""
    i, j, k = values.shape
    blocks = values.reshape(i // 2, 2, j // 2, 2, k // 2, 2)
    return blocks.permute(0, 2, 4, 1, 3, 5).reshape(-1, 8)


class _DiceCrossEntropy(torch.autograd.Function):
    """Dice plus weighted cross-entropy of logits (V, C), with the gradient written out.

    Autograd would keep four float32 arrays of V x C and pass over each several times; on CPU that costs as
    much as the network. With p = softmax(logits), I_c = sum of p over the voxels of c, n_c their number, T_c
    = sum of p_c + n_c: loss = 1 - mean_c (2 I_c + 1) / (T_c + 1) - w sum_v log p_t(v). All voxels weigh the
    same, w = 1 / (number of voxels that belong to a structure): a weight that favours small structures makes
    them too large on real scans; the Dice term already counts the amygdala as much as white matter.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, truth: Tensor, side: Tensor, dice_weight: float
    ) -> tuple[Tensor, Tensor]:
        """Return loss and Dice; the gradient is made here, while the probabilities are at hand."""
        p = torch.softmax(logits[:, :-1].float(), dim=1)
        n_channels = p.shape[1]
        p_truth = p.gather(1, truth[:, None])[:, 0]
        count = torch.bincount(truth, minlength=n_channels).to(p.dtype)
        w = 1 / count[1:].sum().clamp_min(1)
        overlap = torch.zeros_like(count).index_add_(0, truth, p_truth)
        dice = (2 * overlap + 1) / (p.sum(0) + count + 1)
        present = (count > _FEW) & (torch.arange(n_channels, device=p.device) > 0)
        share = dice_weight * present / present.sum().clamp_min(1) / (p.sum(0) + count + 1)
        at_truth = p_truth * (-2 * share)[truth]
        loss = dice_weight * (present * (1 - dice)).sum() / present.sum().clamp_min(1)
        loss = loss - w * p_truth.clamp_min(1e-12).log().sum()
        common = w - at_truth - p @ (share * dice)
        p.mul_(share * dice + common[:, None]).scatter_add_(1, truth[:, None], (at_truth - w)[:, None])
        side_loss, side_gradient = _side_loss(logits[:, -1].float(), side)
        ctx.save_for_backward(torch.cat([p, side_gradient[:, None]], dim=1).to(logits.dtype))
        dice = torch.where(count > _FEW, dice, torch.nan)
        ctx.mark_non_differentiable(dice)
        return loss + side_loss, dice

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient of the logits."""
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0].to(gradient.dtype), None, None, None


def _side_loss(logit: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
    """Return 0.3 x the binary cross-entropy of "left" over the voxels that have a side, and its gradient."""
    has_side = side > 0
    left = (side == 1).float()
    scale = 0.3 / has_side.sum().clamp_min(1)
    losses = functional.binary_cross_entropy_with_logits(logit, left, reduction="none")
    return scale * (losses * has_side).sum(), scale * (torch.sigmoid(logit) - left) * has_side
