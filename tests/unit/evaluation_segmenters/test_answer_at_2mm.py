"""The answer of the network at 2 mm: where its voxels lie, and that padding does not move them."""

import numpy as np
import pytest
import torch

from plausibrain.cohorts.arithmetic import fast_autocast
from plausibrain.cohorts.errors import ToolError
from plausibrain.evaluation.inference import predict
from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet
from plausibrain.evaluation.segmenters import synthseg_style
from plausibrain.evaluation.segmenters.synthseg_style import halved, with_even_sides
from plausibrain.evaluation.working_grid import WorkingImage


@pytest.fixture(scope="module")
def network() -> HalfResolutionUNet:
    torch.manual_seed(0)
    return HalfResolutionUNet((4, 4, 4, 4)).eval()


def test_a_voxel_of_2_mm_lies_in_the_middle_of_its_eight() -> None:
    affine = np.array([[0, -1.0, 0, 7], [1, 0, 0, 5], [0, 0, 1, 3], [0, 0, 0, 1]])
    corners = np.stack(np.meshgrid(*[(4, 5)] * 3, indexing="ij"), -1).reshape(-1, 3)
    middle = (corners @ affine[:3, :3].T + affine[:3, 3]).mean(0)
    assert np.allclose(halved(affine) @ [2, 2, 2, 1], [*middle, 1])


def test_odd_sides_gain_a_plane_of_background() -> None:
    image = WorkingImage(np.ones((3, 4, 5), np.float32), np.eye(4))
    even = with_even_sides(image)
    assert even.data.shape == (4, 4, 6)
    assert even.data.sum() == 60
    assert np.array_equal(even.affine, image.affine)


def test_padding_inside_does_not_move_the_answer(network: HalfResolutionUNet) -> None:
    """Sides that need padding by 2 or 10 voxels: the same as padding by hand and cutting it off."""
    data = torch.rand(30, 38, 48)
    posteriors, left = predict(network, data, fine=False)
    assert posteriors.shape == (19, 15, 19, 24)
    assert left.shape == (15, 19, 24)
    by_hand = torch.zeros(32, 48, 48)
    by_hand[:30, 4:42] = (
        data  # 2 voxels at the end of one axis, 4 and 6 around the other: whole voxels of 2 mm
    )
    with torch.no_grad(), fast_autocast("cpu"):
        logits = network(by_hand[None, None], fine=False)[0, :, :15, 2:21]
    torch.testing.assert_close(posteriors, logits[:19].float().softmax(0), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(posteriors.sum(0), torch.ones(15, 19, 24))


def test_both_answers_come_from_one_pass(network: HalfResolutionUNet) -> None:
    image = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        coarse, sharp = network.both(image)
        assert torch.equal(coarse, network(image, fine=False))
        assert torch.equal(sharp, network(image))


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(synthseg_style.QUALITY_FILES, 1, "nowhere.json")
    synthseg_style.version.cache_clear()
    with pytest.raises(ToolError, match=r"expected nowhere\.json in this installation"):
        synthseg_style.version(1)
    synthseg_style.version.cache_clear()
