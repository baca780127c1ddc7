import numpy as np
import pytest
import torch

from plausibrain.evaluation.hemispheres import left_of_plane


def make_case(angle: float, noise: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return noisy votes, a round cerebrum and the true side of a turned plane."""
    axis = torch.arange(60.0) - 29.5
    i, j, k = torch.meshgrid(axis, axis, axis, indexing="ij")
    distance = -(i - 1) * np.cos(angle) + j * np.sin(angle)
    truth = distance > 0
    generator = torch.Generator().manual_seed(0)
    flip = torch.rand(truth.shape, generator=generator) < noise
    return (truth ^ flip).float(), i**2 + j**2 + k**2 < 27**2, truth


@pytest.mark.parametrize("degrees", [-25, 0, 12])
def test_a_third_of_wrong_votes_does_not_move_the_plane(degrees: float) -> None:
    left, cerebrum, truth = make_case(np.radians(degrees), 0.33)
    found = left_of_plane(left, cerebrum)
    # ball of 27 voxels, 4,000 votes: a plane wrong by a voxel misplaces 1.5 / 27 of the ball, at most
    assert float(((found > 0.5) == truth)[cerebrum].float().mean()) > 0.945


def test_shares_add_up_across_the_plane() -> None:
    left, cerebrum, _ = make_case(0.0, 0.0)
    found = left_of_plane(left, cerebrum)
    assert float(found[0].min()) == 1
    assert float(found[-1].max()) == 0


def test_an_absurd_fit_or_an_empty_brain_gives_the_plane_across_the_middle() -> None:
    left, cerebrum, _ = make_case(0.0, 0.0)
    backwards = left_of_plane(1 - left, cerebrum)
    assert float(backwards[:25].min()) == 1
    empty = left_of_plane(left, torch.zeros_like(cerebrum))
    assert float(empty[:29].min()) == 1
    assert float(empty[31:].max()) == 0
