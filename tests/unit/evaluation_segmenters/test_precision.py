"""The network answers alike where arithmetic is float32 and where it is bf16."""

import pytest
import torch

from plausibrain.cohorts import arithmetic
from plausibrain.evaluation import inference
from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet
from plausibrain.evaluation.segmenters.synthseg_style import load_network, round_convolutions


@pytest.mark.parametrize(("fast", "kind"), [(True, torch.bfloat16), (False, torch.float32)])
def test_bf16_is_used_only_where_it_is_fast(fast, kind, monkeypatch):
    seen = []
    network = HalfResolutionUNet((4, 4, 4, 4)).eval()
    network.stem.register_forward_hook(lambda module, given, answer: seen.append(answer.dtype))
    monkeypatch.setattr(arithmetic, "has_fast_bf16", lambda device: fast)
    posteriors, _ = inference.predict(network, torch.rand(32, 32, 32))
    assert seen == [kind]
    assert posteriors.dtype == torch.float32


def test_shipped_convolutions_hold_bf16_numbers():
    layers = [
        m for m in load_network().modules() if isinstance(m, (torch.nn.Conv3d, torch.nn.ConvTranspose3d))
    ]
    assert len(layers) > 10
    assert all(torch.equal(m.weight, m.weight.bfloat16().float()) for m in layers)


def test_rounded_weights_bring_the_arithmetics_together(monkeypatch):
    """The mean shift of posteriors between bf16 and float32, which moves volumes, is mostly the weights'."""
    torch.manual_seed(0)
    image = torch.rand(32, 32, 32)
    plain = HalfResolutionUNet((8, 8, 8, 8)).eval()
    rounded = HalfResolutionUNet((8, 8, 8, 8)).eval()
    rounded.load_state_dict(plain.state_dict())
    round_convolutions(rounded)

    def mean(network, *, fast):
        monkeypatch.setattr(arithmetic, "has_fast_bf16", lambda device: fast)
        return inference.predict(network, image)[0].mean((1, 2, 3))

    bf16 = mean(plain, fast=True)
    torch.testing.assert_close(mean(rounded, fast=True), bf16, rtol=0, atol=0)
    shift, left = (float((mean(n, fast=False) - bf16).abs().mean()) for n in (plain, rounded))
    assert left < 0.5 * shift
