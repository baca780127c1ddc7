import pytest
import torch
from torch.nn import functional

from evaluation.synthesis.losses import segmentation_loss

N = 19


def plain_loss(logits: torch.Tensor, target: torch.Tensor, side: torch.Tensor) -> torch.Tensor:
    """The same loss, written for autograd."""
    flat = logits[0].flatten(1).T
    truth, where = target.flatten(), side.flatten()
    log_p = flat[:, :N].log_softmax(1)
    p, one_hot = log_p.exp(), functional.one_hot(truth, N)
    count = one_hot.sum(0)
    weight = count.clamp_min(1).double() ** -0.4
    weight = weight / (weight * count).sum()
    dice = (2 * (p * one_hot).sum(0) + 1) / (p.sum(0) + count + 1)
    present = count[1:] > 20
    entropy = -(weight[truth] * log_p.gather(1, truth[:, None])[:, 0]).sum()
    has_side = where > 0
    sides = functional.binary_cross_entropy_with_logits(
        flat[has_side, N], (where[has_side] == 1).to(flat.dtype)
    )
    return 1 - dice[1:][present].mean() + entropy + 0.3 * sides


def make_case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, N + 1, 8, 8, 8, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 12, (8, 8, 8), generator=generator)
    side = torch.randint(0, 3, (8, 8, 8), generator=generator)
    return logits.requires_grad_(), target, side


def test_value_and_gradient_agree_with_autograd() -> None:
    logits, target, side = make_case()
    expected = plain_loss(logits, target, side)
    (gradient,) = torch.autograd.grad(expected, logits)
    loss, _ = segmentation_loss(logits, target, side)
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
