"""What every extractor keeps, and networks read from files."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from plausibrain.cohorts.errors import ToolError
from plausibrain.evaluation.extraction import extractors, full_name, per_image
from plausibrain.evaluation.extractors.image_quality import image_quality
from plausibrain.evaluation.extractors.regional_volumes import regional_volumes
from plausibrain.evaluation.networks.medicalnet import MedicalResNet, medical_resnet
from plausibrain.evaluation.weight_files import read_weights

SHAPE = (40, 56, 40)
IMAGE_EXTRACTORS = [p for p in extractors() if per_image(p) and "weights" not in p.parameters]


def brain(seed: int = 0) -> torch.Tensor:
    i, j, k = torch.meshgrid(*[torch.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    texture = torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed))
    return ((i**2 + j**2 + k**2) < 0.8) * (0.5 + 0.3 * texture)


@pytest.mark.parametrize("plugin", IMAGE_EXTRACTORS, ids=lambda plugin: plugin.name)
def test_vectors_are_finite_repeatable_and_differ_between_images(plugin):
    first, again, other = plugin(brain=brain()), plugin(brain=brain()), plugin(brain=brain(1))
    assert first.ndim == 1
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_name_changes_with_all_that_decides_the_vector():
    plugin = extractors()["random_network"]
    names = {full_name(plugin, options, voxel_mm=mm) for options in ({}, {"seed": 1}) for mm in (1.0, 2.0)}
    assert len(names) == 4


def test_regional_volumes_are_shares_of_head_size_where_it_is_known():
    table = pd.DataFrame({"Left-Thalamus": [7000.0, 8000.0], "TIV": [1.4e6, 1.6e6]})
    np.testing.assert_allclose(regional_volumes(table), [[0.005], [0.005]])
    np.testing.assert_allclose(regional_volumes(table[["Left-Thalamus"]]), [[7000.0], [8000.0]])


def test_quality_leaves_out_what_has_no_meaning_and_rows_with_gaps():
    table = pd.DataFrame({"cjv": np.arange(20.0), "qi1": np.nan, "snr": np.arange(20.0)})
    table.loc[3, "snr"] = np.nan
    values = image_quality(table)
    assert values.shape == (20, 2)
    assert np.isnan(values).all(axis=1).tolist() == [row == 3 for row in range(20)]


def thin_network() -> MedicalResNet:
    torch.manual_seed(0)
    return MedicalResNet((1, 1, 1, 1), deep=False, projected=False)


def published(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Name the weights as the published files do, with a segmentation head."""
    weights = {f"module.{name}": value for name, value in network.state_dict().items()}
    return weights | {"module.conv_seg.0.weight": torch.zeros(3)}


def test_medicalnet_reads_the_published_layout_and_says_which_file(tmp_path):
    network = thin_network().eval()
    torch.save({"state_dict": published(network)}, tmp_path / "resnet_10.pth")
    save_file(network.state_dict(), tmp_path / "resnet_10.safetensors")
    plugin = extractors()["medicalnet"]
    with torch.no_grad():
        expected = network(2 * brain()[None, None] - 1).mean(dim=(2, 3, 4))[0].numpy()
    for file in ("resnet_10.pth", "resnet_10.safetensors"):
        np.testing.assert_allclose(plugin(brain=brain(), weights=str(tmp_path / file)), expected, rtol=1e-5)
    names = [
        full_name(plugin, {"weights": str(tmp_path / f"resnet_10.{end}")}, voxel_mm=1.0)
        for end in ("pth", "safetensors")
    ]
    assert names[0] != names[1]


def test_weights_must_fit_exactly():
    weights = thin_network().state_dict()
    weights.pop("layer3.0.bn1.bias")
    with pytest.raises(ToolError, match="do not fit a Med3D network"):
        medical_resnet(weights)
    with pytest.raises(ToolError, match=r"have layers layer1 to layer4; found conv1\.weight"):
        medical_resnet({"conv1.weight": torch.zeros(1)})


@pytest.mark.parametrize("deep", [False, True])
def test_depth_and_shortcuts_are_read_from_the_weights(deep):
    network = MedicalResNet((1, 2, 1, 1), deep=deep, projected=True)
    found = medical_resnet(network.state_dict())
    assert found(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 2048 if deep else 512, 2, 2, 2)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": hashlib.sha256}, path)
    with pytest.raises(ToolError, match="holds no plain weights"):
        read_weights(path)
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with pytest.raises(ToolError, match="holds no tensors"):
        read_weights(tmp_path / "none.pth")


def test_any_torchscript_network_can_be_used(tmp_path):
    class Mean(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x.mean().reshape(1), x.amax().reshape(1)]).reshape(1, 2, 1, 1, 1)

    path = tmp_path / "mean.pt"
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.script(Mean()).save(str(path))
    vector = extractors()["torchscript"](brain=brain(), weights=str(path), run_program=1)
    np.testing.assert_allclose(vector, [float(brain().mean()), float(brain().max())], rtol=1e-5)
    path.write_bytes(b"nothing")
    with pytest.raises(ToolError, match="is no TorchScript archive"):
        extractors()["torchscript"].function.__globals__["_network"].__wrapped__(str(path))


def test_a_torchscript_program_runs_only_when_it_is_trusted(tmp_path):
    path = tmp_path / "program.pt"
    path.write_bytes(b"never opened")
    with pytest.raises(ToolError, match="run_program=1"):
        extractors()["torchscript"](brain=brain(), weights=str(path))
