"""Files of the released layout with random numbers, written as Keras writes them."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.networks.synthseg_network import (
    SynthSegQuality,
    SynthSegUNet,
    load_keras_weights,
    read_keras_weights,
)
from plausibrain.evaluation.segmenters import synthseg_torch as module
from plausibrain.evaluation.segmenters.synthseg_torch import (
    LABELS,
    PARCELS,
    clean,
    read_networks,
    scaled_to_cortex,
    synthseg_torch,
)
from tests.unit.evaluation_segmenters.phantoms import make_image

HEMISPHERES = {"ctx-lh-": "Left-Cerebral-Cortex", "ctx-rh-": "Right-Cerebral-Cortex"}
KERAS = {"weight": "kernel", "bias": "bias"}
KERAS_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def write_keras(network: nn.Module, path: Path, *, skip: str = "", extra: str = "") -> None:
    """Write a network as ``Model.save`` does: model_weights/layer/layer/array:0, kernels channels last."""
    with h5py.File(path, "w") as file:
        for layer, child in network.named_children():
            table = KERAS_NORM if isinstance(child, nn.BatchNorm3d) else KERAS
            for name, value in child.state_dict().items():
                if name in table and f"{layer}/{table[name]}" != skip:
                    array = value.numpy()
                    array = array.transpose(2, 3, 4, 1, 0) if array.ndim == 5 else array
                    file[f"model_weights/{layer}/{layer}/{table[name]}:0"] = array
        if extra:
            file[f"model_weights/{extra}/{extra}/kernel:0"] = np.zeros(3)
        file["optimizer_weights/training/Adam/iter:0"] = 7


def randomise(network: nn.Module, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            spread = 0.1 if "running_var" not in name else 0.0
            value.copy_(torch.randn_like(value) * spread + (1.0 if spread == 0 else 0.0))
    return network.eval()


def test_published_sizes() -> None:
    """24 features, five levels, two convolutions: the numbers of parameters follow from the paper."""

    def convolution(n_in: int, n_out: int, size: int = 3) -> int:
        return n_in * n_out * size**3 + n_out

    widths = [24, 48, 96, 192, 384]
    down = sum(convolution(a, b) + convolution(b, b) for a, b in zip([1, *widths], widths, strict=False))
    up = sum(
        convolution(a + b, b) + convolution(b, b) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True)
    )
    norms = 2 * sum(widths) + 2 * sum(widths[:-1])
    expected = down + up + norms + convolution(24, 33, 1)
    assert sum(p.numel() for p in SynthSegUNet(33).parameters()) == expected
    assert len(LABELS) == 33
    assert len(PARCELS) == 69


@pytest.mark.parametrize(
    "network",
    [SynthSegUNet(33), SynthSegUNet(69, 3, "unet_parc"), SynthSegQuality(9)],
    ids=["seg", "parc", "qc"],
)
def test_a_keras_file_goes_in_and_comes_out_unchanged(tmp_path: Path, network: nn.Module) -> None:
    write_keras(randomise(network, 1), tmp_path / "net.h5")
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    randomise(network, 2)
    load_keras_weights(network, read_keras_weights(tmp_path / "net.h5"), tmp_path / "net.h5")
    for name, value in network.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_missing_unknown_and_misshapen_arrays_are_all_listed(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    write_keras(SynthSegUNet(32), path, skip="unet_conv_downarm_0_0/bias", extra="head")
    with pytest.raises(
        DataError, match="missing: unet_conv_downarm_0_0/bias; unknown: head/kernel; of another"
    ) as error:
        load_keras_weights(SynthSegUNet(33), read_keras_weights(path), path)
    assert "unet_likelihood/kernel is (32, 24, 1, 1, 1), expected (33, 24, 1, 1, 1)" in str(error.value)


def test_a_file_that_is_no_hdf5_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "net.h5").write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match="not a readable HDF5 file"):
        read_keras_weights(tmp_path / "net.h5")


def test_a_kernel_means_what_it_means_in_keras(tmp_path: Path) -> None:
    """Keras correlates a kernel (I, J, K, in, out) with zero padding, then ELU; checked against scipy."""
    network = randomise(SynthSegUNet(33), 3)
    write_keras(network, tmp_path / "net.h5")
    arrays = read_keras_weights(tmp_path / "net.h5")
    image = torch.randn(1, 1, 6, 7, 8)
    kernel, bias = (arrays[f"unet_conv_downarm_0_0/{name}"] for name in ("kernel", "bias"))
    expected = ndimage.correlate(image[0, 0].numpy(), kernel[:, :, :, 0, 5], mode="constant") + bias[5]
    found = network.get_submodule("unet_conv_downarm_0_0")(image)[0, 5].detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_skips_are_taken_before_the_norm() -> None:
    """With the norms at zero the deepest path is dead; the first skip still carries the image."""
    network = randomise(SynthSegUNet(33), 4)
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm3d) and "down" in name:
            nn.init.zeros_(child.weight)
            nn.init.zeros_(child.bias)
    with torch.no_grad():
        a, b = (network(torch.randn(1, 1, 32, 32, 32)) for _ in range(2))
    assert float((a - b).abs().max()) > 1e-4
    torch.testing.assert_close(a.sum(1), torch.ones(1, 32, 32, 32))


def test_cleaning_keeps_the_largest_piece_of_each_class() -> None:
    posteriors = torch.zeros(33, 12, 12, 12)
    posteriors[0] = 1
    for channel, place in ((1, slice(1, 5)), (14, slice(6, 8)), (14, slice(9, 10))):
        posteriors[0, 1:11, 1:11, place] = 0
        posteriors[channel, 1:11, 1:11, place] = 1
    posteriors[0, 1:11, 1:11, 5:9], posteriors[2, 1:11, 1:11, 5:6], posteriors[2, 1:11, 1:11, 8:9] = 0, 1, 1
    cleaned = clean(posteriors.clone(), None)
    assert float(cleaned[14, 5, 5, 7]) == 1
    assert float(cleaned[14, 5, 5, 9]) == 0
    assert float(clean(posteriors.clone(), np.zeros(33, int))[14, 5, 5, 9]) == 1


def test_a_folder_without_networks_says_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"no synthseg_2.0.h5; download the SynthSeg 2.0 models"):
        synthseg_torch(make_image(4.0), networks=str(tmp_path))


def test_whole_chain_with_all_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random networks segment nothing well, but volumes, parcels and scores must obey their definitions."""
    monkeypatch.setattr("plausibrain.evaluation.networks.synthseg_network._FEATURES", 2)
    monkeypatch.setattr(module, "_QC_SIDE", 32)
    write_keras(randomise(SynthSegUNet(33), 5), tmp_path / "synthseg_2.0.h5")
    write_keras(randomise(SynthSegUNet(69, 3, "unet_parc"), 6), tmp_path / "synthseg_parc_2.0.h5")
    write_keras(randomise(SynthSegQuality(9), 7), tmp_path / "synthseg_qc_2.0.h5")
    np.save(tmp_path / "synthseg_qc_labels_2.0.npy", np.arange(33) % 9)
    read_networks.cache_clear()
    image = Volume(make_image(4.0).data[:32, :40], np.diag([-1.0, 1.0, 1.0, 1.0]))
    result = synthseg_torch(image, networks=str(tmp_path))
    assert result.labels is not None
    assert result.labels.shape == image.shape
    for prefix, cortex in HEMISPHERES.items():
        parcels = sum(v for name, v in result.volumes.items() if name.startswith(prefix))
        assert parcels == pytest.approx(result.volumes[cortex], rel=1e-6)
    assert len(result.qc) == 8
    assert result.version.startswith("2.0-")


def test_parcels_take_the_cortex_of_their_own_hemisphere() -> None:
    """Neither the white matter (the official program before ca7ab2f) nor the cortex of both hemispheres."""
    volumes = {
        "Left-Cerebral-White-Matter": 7000.0,
        "Left-Cerebral-Cortex": 1000.0,
        "Right-Cerebral-White-Matter": 9000.0,
        "Right-Cerebral-Cortex": 3000.0,
    }
    parcels = {"ctx-lh-insula": 30.0, "ctx-lh-cuneus": 10.0, "ctx-rh-insula": 5.0, "ctx-rh-cuneus": 5.0}
    expected = {
        "ctx-lh-insula": 750.0, "ctx-lh-cuneus": 250.0, "ctx-rh-insula": 1500.0, "ctx-rh-cuneus": 1500.0
    }  # fmt: skip
    assert scaled_to_cortex(parcels, volumes) == pytest.approx(expected)
