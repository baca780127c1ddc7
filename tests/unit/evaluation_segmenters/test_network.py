import pytest
import torch

from plausibrain.evaluation.networks.half_resolution_unet import (
    HalfResolutionUNet,
    InstanceNorm,
    features_of,
    fold,
    halve,
    repeat,
    unfold,
)


def test_fold_gathers_the_eight_voxels_of_a_block() -> None:
    x = torch.arange(64.0).reshape(1, 1, 4, 4, 4)
    assert torch.equal(fold(x)[0, :, 1, 0, 1], x[0, 0, 2:4, 0:2, 2:4].flatten())


def test_unfold_spreads_eight_channels_over_a_block() -> None:
    x = torch.arange(2 * 8 * 8.0).reshape(1, 16, 2, 2, 2)
    spread = unfold(x)
    assert spread.shape == (1, 2, 4, 4, 4)
    assert torch.equal(spread[0, :, 2:4, 0:2, 2:4].permute(1, 2, 3, 0).flatten(), x[0, :, 1, 0, 1])


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_halving_takes_the_largest_of_eight_with_and_without_gradients(kind: torch.dtype) -> None:
    x = torch.randn(1, 3, 4, 6, 8).to(kind).contiguous(memory_format=torch.channels_last_3d)
    blocks = x.reshape(1, 3, 2, 2, 3, 2, 4, 2).amax((3, 5, 7))
    assert torch.equal(halve(x), blocks)
    with torch.no_grad():
        assert torch.equal(halve(x), blocks)


def test_repeat_is_nearest_neighbour() -> None:
    x = torch.randn(1, 3, 2, 3, 4)
    assert torch.equal(repeat(x), torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest"))


def test_norm_ignores_scale_and_shift_of_the_input() -> None:
    x = torch.randn(1, 4, 6, 6, 6)
    norm = InstanceNorm(4)
    torch.testing.assert_close(norm(x), norm(5 * x + 3), rtol=1e-3, atol=1e-3)
    assert float(norm(x).detach().mean()) == pytest.approx(0, abs=1e-6)


def test_network_keeps_the_grid_and_tells_its_widths() -> None:
    network = HalfResolutionUNet((4, 6, 8, 10))
    logits = network(torch.randn(1, 1, 32, 16, 48))
    assert logits.shape == (1, 20, 32, 16, 48)
    assert features_of(network.state_dict()) == (4, 6, 8, 10)


def test_edges_are_drawn_at_one_voxel() -> None:
    """The output differs between the voxels of one 2 mm block: detail is not lost."""
    torch.manual_seed(0)
    logits = HalfResolutionUNet((4, 6, 8, 10))(torch.rand(1, 1, 32, 32, 32))
    blocks = fold(logits[:, :1])
    assert float(blocks.detach().std(1).mean()) > 0
