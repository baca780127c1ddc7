"""The published SynthSeg networks in torch, and the strict reading of their Keras weight files.

Architecture after Billot et al. 2023 and the layer names of the released files: a U-Net of five levels with
24, 48, ... 384 features, two 3 x 3 x 3 convolutions with ELU per level, batch norm after each level,
nearest-neighbour upsampling, skip connections taken before the batch norm. The quality regressor is an
encoder of four residual levels with 5 x 5 x 5 convolutions and ReLU.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.text_files import require_regular_file

#: Keras adds this to the variance in batch norm; torch's default differs.
_EPSILON = 1e-3
_FEATURES = 24
_LEVELS = 5
_QC_LEVELS = 4
#: In one array; the largest of the published networks has a tenth of it.
_MOST_NUMBERS = 2**26


def _convolution(n_in: int, n_out: int, size: int = 3) -> nn.Conv3d:
    return nn.Conv3d(n_in, n_out, size, padding=size // 2)


class SynthSegUNet(nn.Module):
    """The segmentation (or parcellation) U-Net; submodules carry the layer names of the Keras file.

    Parameters
    ----------
    n_labels : int
        Channels out: 33 for the segmentation (background and 32 structures).
    n_in : int
        Channels in: 1, or 3 for the parcellation (image, not cortex, cortex).
    prefix : str
        ``unet``, or ``unet_parc``.
    """

    def __init__(self, n_labels: int, n_in: int = 1, prefix: str = "unet") -> None:
        super().__init__()
        self.prefix = prefix
        width = n_in
        for level in range(_LEVELS):
            features = _FEATURES * 2**level
            self.add_module(f"{prefix}_conv_downarm_{level}_0", _convolution(width, features))
            self.add_module(f"{prefix}_conv_downarm_{level}_1", _convolution(features, features))
            self.add_module(f"{prefix}_bn_down_{level}", nn.BatchNorm3d(features, eps=_EPSILON))
            width = features
        for step in range(_LEVELS - 1):
            features = _FEATURES * 2 ** (_LEVELS - 2 - step)
            self.add_module(
                f"{prefix}_conv_uparm_{_LEVELS + step}_0", _convolution(width + features, features)
            )
            self.add_module(f"{prefix}_conv_uparm_{_LEVELS + step}_1", _convolution(features, features))
            self.add_module(f"{prefix}_bn_up_{step}", nn.BatchNorm3d(features, eps=_EPSILON))
            width = features
        self.add_module(f"{prefix}_likelihood", nn.Conv3d(width, n_labels, 1))

    def _layer(self, name: str) -> nn.Module:
        return self.get_submodule(f"{self.prefix}_{name}")

    def forward(self, image: Tensor) -> Tensor:
        """Return posteriors, (1, n_labels, I, J, K).

        Parameters
        ----------
        image : Tensor, (1, n_in, I, J, K)
            Sides are multiples of 32.
        """
        x, skips = image, []
        for level in range(_LEVELS):
            for conv in range(2):
                x = functional.elu(self._layer(f"conv_downarm_{level}_{conv}")(x), inplace=True)
            skips.append(x)
            x = self._layer(f"bn_down_{level}")(x)
            if level < _LEVELS - 1:
                x = functional.max_pool3d(x, 2)
        skips.pop()
        for step in range(_LEVELS - 1):
            x = torch.cat([skips.pop(), functional.interpolate(x, scale_factor=2)], dim=1)
            for conv in range(2):
                x = functional.elu(self._layer(f"conv_uparm_{_LEVELS + step}_{conv}")(x), inplace=True)
            x = self._layer(f"bn_up_{step}")(x)
        return torch.softmax(self._layer("likelihood")(x), dim=1)


class SynthSegQuality(nn.Module):
    """The regressor of Dice scores from a segmentation in groups.

    Parameters
    ----------
    n_groups : int
        Background and the groups: 9 in the released file.
    """

    def __init__(self, n_groups: int = 9) -> None:
        super().__init__()
        width = n_groups
        for level in range(_QC_LEVELS):
            features = _FEATURES * 2**level
            self.add_module(f"qc_conv_downarm_{level}_0", _convolution(width, features, 5))
            self.add_module(f"qc_conv_downarm_{level}_1", _convolution(features, features, 5))
            if width != features:
                self.add_module(f"qc_expand_down_merge_{level}", _convolution(width, features, 5))
            self.add_module(f"qc_bn_down_{level}", nn.BatchNorm3d(features, eps=_EPSILON))
            width = features
        self.qc_final_conv_0 = _convolution(width, n_groups, 5)
        self.qc_final_conv_1 = _convolution(n_groups, n_groups, 5)

    def forward(self, groups: Tensor) -> Tensor:
        """Return one score per group, (1, n_groups); the first is that of the background.

        Parameters
        ----------
        groups : Tensor, (1, n_groups, I, J, K)
            One-hot segmentation in groups.
        """
        x = groups
        for level in range(_QC_LEVELS):
            inner = functional.relu(self.get_submodule(f"qc_conv_downarm_{level}_0")(x))
            inner = self.get_submodule(f"qc_conv_downarm_{level}_1")(inner)
            name = f"qc_expand_down_merge_{level}"
            if hasattr(self, name):
                x = functional.relu(self.get_submodule(name)(x))
            x = self.get_submodule(f"qc_bn_down_{level}")(functional.relu(x + inner))
            if level < _QC_LEVELS - 1:
                x = functional.max_pool3d(x, 2, ceil_mode=True)
        x = functional.max_pool3d(x, 2, ceil_mode=True)
        x = functional.relu(self.qc_final_conv_1(functional.relu(self.qc_final_conv_0(x))))
        return x.mean((2, 3, 4))


def read_keras_weights(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of a Keras HDF5 weight file as "layer/array", without the repeated outer groups.

    Parameters
    ----------
    path : Path
        Written by ``save_weights`` or ``save`` (Keras 2).

    Raises
    ------
    ToolError
        When h5py is not installed.
    DataError
        When the file is not HDF5, or holds anything but numbers, or more in one array than any network.
    """
    try:
        import h5py
    except ImportError as error:
        raise ToolError("reading SynthSeg's networks needs h5py; run `pip install h5py`") from error
    arrays: dict[str, np.ndarray] = {}

    def collect(name: str, item: Any) -> None:  # noqa: ANN401, RUF100
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer_weights"):
            if item.dtype.kind not in "fiu" or item.size is None or item.size > _MOST_NUMBERS:
                raise ValueError(f"{name} holds {item.size} values of type {item.dtype}")
            parts = name.removeprefix("model_weights/").split("/")
            arrays["/".join((*parts[-2:-1], parts[-1].split(":")[0]))] = np.asarray(item)

    require_regular_file(path)
    try:
        with h5py.File(path, "r") as file:
            file.visititems(collect)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a readable HDF5 file ({reason}); download the network again") from error
    return arrays


def load_keras_weights(network: nn.Module, arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Put the arrays of a Keras file into a network of the same layer names.

    Parameters
    ----------
    network : Module
        Its submodules carry the layer names.
    arrays : mapping of str to ndarray
        From `read_keras_weights`; convolution kernels are (I, J, K, in, out).
    path : Path
        For the message.

    Raises
    ------
    DataError
        When an array is missing, unknown or of another shape; all of them are listed.
    """
    targets = _targets(network)
    absent = sorted(set(targets) - set(arrays))
    unknown = sorted(set(arrays) - set(targets))
    tensors = {name: _to_torch(arrays[name]) for name in targets if name in arrays}
    wrong = [
        f"{name} is {tuple(value.shape)}, expected {tuple(targets[name].shape)}"
        for name, value in tensors.items()
        if value.shape != targets[name].shape
    ]
    problems = [
        f"{what}: {', '.join(items)}"
        for what, items in (("missing", absent), ("unknown", unknown), ("of another shape", wrong))
        if items
    ]
    if problems:
        raise DataError(
            f"{path}: not the network expected here; arrays {'; '.join(problems)}. "
            "Use the files of SynthSeg 2.0"
        )
    with torch.no_grad():
        for name, value in tensors.items():
            targets[name].copy_(value)


def _targets(network: nn.Module) -> dict[str, Tensor]:
    """Return the network's own tensors under the names that Keras gives them."""
    names = {"weight": "kernel", "bias": "bias"}
    norm = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    targets: dict[str, Tensor] = {}
    for layer, module in network.named_children():
        table = norm if isinstance(module, nn.BatchNorm3d) else names
        state = module.state_dict(keep_vars=True)
        targets |= {f"{layer}/{table[key]}": value for key, value in state.items() if key in table}
    return targets


def _to_torch(array: np.ndarray) -> Tensor:
    values = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
    return values.permute(4, 3, 0, 1, 2).contiguous() if values.ndim == 5 else values
