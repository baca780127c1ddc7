"""Deformations do what calculus says."""

import pytest
import torch

from plausibrain.generation.simulator.spatial import (
    compose,
    integrate,
    jacobian_determinant,
    resize,
    sample,
    smooth,
    voxel_grid,
)


def test_sampling_a_linear_volume_is_exact():
    grid = voxel_grid((8, 9, 10))
    volume = (2 * grid[0] - grid[1] + 0.5 * grid[2])[None]
    points = torch.tensor([1.25, 3.5, 7.75]).view(3, 1, 1, 1)
    # 2 x 1.25 - 3.5 + 0.5 x 7.75 = 2.875, up to float32.
    assert sample(volume, points).item() == pytest.approx(2.875, abs=1e-5)


def test_smoothing_keeps_constants_and_the_sum_of_a_point():
    assert torch.allclose(smooth(torch.full((1, 9, 9, 9), 3.0), 1.5), torch.tensor(3.0))
    point = torch.zeros(1, 21, 21, 21)
    point[0, 10, 10, 10] = 1.0
    assert smooth(point, 1.5).sum().item() == pytest.approx(1.0, abs=1e-5)


def test_resizing_keeps_corners():
    volume = torch.rand(1, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    large = resize(volume, (7, 9, 11))
    assert torch.allclose(large[:, ::2, ::2, ::2], volume, atol=1e-6)


def test_a_constant_velocity_moves_by_itself():
    velocity = torch.ones(3, 12, 12, 12) * torch.tensor([0.5, -1.0, 0.25]).view(3, 1, 1, 1)
    assert torch.allclose(integrate(velocity), velocity, atol=1e-5)


def test_integrated_noise_never_folds_and_its_negative_undoes_it():
    noise = torch.randn(3, 24, 24, 24, generator=torch.Generator().manual_seed(1))
    velocity = smooth(noise, 3.0)
    velocity = velocity / velocity.std()
    forward, backward = integrate(velocity), integrate(-velocity)
    assert jacobian_determinant(forward).min() > 0
    grid = voxel_grid((24, 24, 24))
    inner = (slice(None), slice(6, -6), slice(6, -6), slice(6, -6))
    # Linear interpolation of five squarings: a few hundredths of a voxel.
    assert compose(backward, forward, grid)[inner].abs().max() < 0.1


def test_jacobian_of_a_stretch_by_hand():
    grid = voxel_grid((6, 6, 6))
    stretch = torch.stack([0.1 * grid[0], 0.2 * grid[1], -0.5 * grid[2]])
    assert torch.allclose(jacobian_determinant(stretch), torch.tensor(1.1 * 1.2 * 0.5), atol=1e-5)


def test_many_channels_are_sampled_as_few_are():
    """Gathered together or one by one: the same numbers, also beyond the border and on a single plane."""
    generator = torch.Generator().manual_seed(0)
    for shape in ((5, 6, 7), (1, 6, 7)):
        volume = torch.randn(12, *shape, generator=generator)
        voxels = torch.rand(3, 4, 5, 6, generator=generator) * 12 - 3
        together = sample(volume, voxels)
        few = torch.cat([sample(volume[i : i + 1].expand(2, -1, -1, -1), voxels)[:1] for i in range(12)])
        if shape[0] > 1:  # the other way divides by the length of an axis
            torch.testing.assert_close(together, few, rtol=1e-4, atol=1e-5)
        else:
            assert torch.isfinite(together).all()


def test_jacobian_is_the_determinant():
    displacement = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(1))
    core = displacement[:, :-1, :-1, :-1]
    rows = [displacement[:, 1:, :-1, :-1], displacement[:, :-1, 1:, :-1], displacement[:, :-1, :-1, 1:]]
    matrix = torch.stack([row - core for row in rows]).permute(2, 3, 4, 0, 1) + torch.eye(3)
    torch.testing.assert_close(
        jacobian_determinant(displacement), torch.linalg.det(matrix), rtol=1e-4, atol=1e-4
    )
