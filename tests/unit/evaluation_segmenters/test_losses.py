import pytest
import torch
from torch.nn import functional

from makers.synthesis.losses import coarse_loss, segmentation_loss
from plausibrain.evaluation.networks.half_resolution_unet import repeat

N = 19


def plain_loss(
    logits: torch.Tensor, target: torch.Tensor, side: torch.Tensor, dice_weight: float
) -> torch.Tensor:
    """The same loss, written for autograd."""
    flat = logits[0].flatten(1).T
    truth, where = target.flatten(), side.flatten()
    log_p = flat[:, :N].log_softmax(1)
    p, one_hot = log_p.exp(), functional.one_hot(truth, N)
    count = one_hot.sum(0)
    dice = (2 * (p * one_hot).sum(0) + 1) / (p.sum(0) + count + 1)
    present = count[1:] > 20
    entropy = -log_p.gather(1, truth[:, None]).sum() / count[1:].sum()
    has_side = where > 0
    sides = functional.binary_cross_entropy_with_logits(
        flat[has_side, N], (where[has_side] == 1).to(flat.dtype)
    )
    return dice_weight * (1 - dice[1:][present].mean()) + entropy + 0.3 * sides


def make_case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, N + 1, 8, 8, 8, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 12, (8, 8, 8), generator=generator)
    side = torch.randint(0, 3, (8, 8, 8), generator=generator)
    return logits.requires_grad_(), target, side


@pytest.mark.parametrize("dice_weight", [1.0, 0.1])
def test_value_and_gradient_agree_with_autograd(dice_weight: float) -> None:
    logits, target, side = make_case()
    expected = plain_loss(logits, target, side, dice_weight)
    (gradient,) = torch.autograd.grad(expected, logits)
    loss, _ = segmentation_loss(logits, target, side, dice_weight=dice_weight)
    (own,) = torch.autograd.grad(loss, logits)
    # float32 inside: seven digits of the largest entry
    torch.testing.assert_close(loss.double(), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(own, gradient, rtol=0, atol=float(gradient.abs().max()) * 1e-5)


def test_a_perfect_answer_costs_nothing_and_has_dice_one() -> None:
    _, target, side = make_case()
    logits = 60.0 * functional.one_hot(target, N + 1).permute(3, 0, 1, 2)[None].double()
    logits[0, N] = torch.where(side == 1, 60.0, -60.0)
    loss, dice = segmentation_loss(logits, target, side)
    assert float(loss) == pytest.approx(0, abs=1e-5)
    assert torch.equal(torch.isnan(dice), torch.arange(N) >= 12)
    torch.testing.assert_close(dice[:12], torch.ones(12))


def test_a_block_without_any_structure_has_a_finite_loss() -> None:
    empty = torch.zeros(4, 4, 4, dtype=torch.int64)
    loss, dice = segmentation_loss(torch.zeros(1, N + 1, 4, 4, 4), empty, empty)
    assert torch.isfinite(loss)
    assert torch.isnan(dice[1:]).all()


def test_coarse_loss_is_the_fine_one_where_blocks_are_uniform() -> None:
    """Eight equal voxels or one of 2 mm: the same Dice up to its constant, the same entropies."""
    logits, target, side = make_case()
    large_target, large_side = (repeat(x[None, None])[0, 0] for x in (target, side))
    coarse, coarse_dice = coarse_loss(logits, large_target, large_side)
    fine, fine_dice = segmentation_loss(repeat(logits), large_target, large_side)
    p = logits[0, :N].detach().softmax(0)
    assert torch.isnan(coarse_dice).equal(torch.isnan(fine_dice))
    # one-hot truth: min(p, t) = p t, so both Dice differ by the constant 1 in numerator and denominator only
    assert float((coarse_dice - fine_dice).nan_to_num().abs().max()) < 2 / float(p.sum(dim=(1, 2, 3)).min())
    assert float(coarse.detach()) == pytest.approx(float(fine.detach()), abs=0.05)


def test_a_coarse_voxel_belongs_to_its_structures_in_parts() -> None:
    """Half white matter, half cortex: the answer (1/2, 1/2) has Dice one, a sure answer has not."""
    target = torch.ones(8, 8, 8, dtype=torch.int64)
    target[:, :, 1::2] = 2
    side = torch.ones(8, 8, 8, dtype=torch.int64)
    halves = torch.full((1, N + 1, 4, 4, 4), -30.0)
    halves[:, [1, 2, N]] = 0.0
    _, dice = coarse_loss(halves, target, side)
    torch.testing.assert_close(dice[1:3], torch.ones(2))
    sure = halves.clone()
    sure[:, 1] = 30.0
    _, dice = coarse_loss(sure, target, side)
    assert float(dice[1]) == pytest.approx((2 * 32 + 1) / (64 + 32 + 1), abs=1e-4)
