import itertools

import pytest
import torch

from plausibrain.cohorts.arithmetic import fast_autocast, image_threads
from plausibrain.cohorts.image_parts import parts_at_once
from plausibrain.evaluation.networks.half_resolution_unet import (
    HalfResolutionUNet,
    InstanceNorm,
    features_of,
    fold,
    halve,
    repeat,
    unfold,
)
from plausibrain.evaluation.segmenters.synthseg_style import predict_both_ways


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


@pytest.mark.parametrize("planes", [16, 48])
def test_slabs_are_what_the_whole_gives(planes: int) -> None:
    """At 48 planes the last slab has as many as the others, and the first and the last end at the image."""
    torch.manual_seed(0)
    network = HalfResolutionUNet((4, 4, 4, 4)).eval()
    image = torch.rand(1, 1, planes, 32, 16)
    with torch.no_grad():
        for fine in (True, False):
            with fast_autocast("cpu"):
                whole = network(image, fine=fine)
            firsts, slabs = zip(*network.slabs(image, fine=fine), strict=True)
            together = torch.cat(slabs, dim=2)
            assert list(firsts) == [sum(s.shape[2] for s in slabs[:k]) for k in range(len(slabs))]
            assert len(slabs) == (planes // 8 if fine else 1)
            torch.testing.assert_close(together, whole, rtol=0, atol=0)


def test_both_ways_at_once_are_both_ways_in_turn() -> None:
    torch.manual_seed(0)
    network = HalfResolutionUNet((4, 4, 4, 4)).eval()
    data = torch.rand(30, 38, 48)
    results = []
    for n in (1, 2):
        with image_threads(), parts_at_once(n):
            results.append(predict_both_ways(network, data, 1.0))
    for (one, once), (two, twice) in itertools.pairwise(results):
        assert torch.equal(one.structures, two.structures)
        assert torch.equal(one.left, two.left)
        assert all(torch.equal(a, b) for a, b in zip(once, twice, strict=True))
