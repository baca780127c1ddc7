"""The residual networks of Med3D ("MedicalNet"), for weights in the layout of the published files.

The published networks keep the resolution of the second stage: later stages widen their field by dilation,
not by stride. Only the part before the segmentation head is here.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.cohorts.errors import ToolError

#: Width, stride and dilation of the four stages.
STAGES = ((64, 1, 1), (128, 2, 1), (256, 1, 2), (512, 1, 4))


def _convolution(n_in: int, n_out: int, size: int, stride: int = 1, dilation: int = 1) -> nn.Conv3d:
    padding = dilation * (size // 2)
    return nn.Conv3d(n_in, n_out, size, stride, padding, dilation, bias=False)


class Residual(nn.Module):
    """Two convolutions of 3 (basic) or three of 1, 3, 1 (bottleneck), and a way past them.

    Without a projection (`downsample`) a step that changes the shape picks every second voxel and fills new
    channels with zeros.
    """

    def __init__(
        self, n_in: int, width: int, *, deep: bool, stride: int, dilation: int, projected: bool
    ) -> None:
        super().__init__()
        self.n_out, self.stride = width * (4 if deep else 1), stride
        if deep:
            self.conv1 = _convolution(n_in, width, 1)
            self.conv2 = _convolution(width, width, 3, stride, dilation)
            self.conv3 = _convolution(width, self.n_out, 1)
        else:
            self.conv1 = _convolution(n_in, width, 3, stride, dilation)
            self.conv2 = _convolution(width, width, 3, 1, dilation)
        self.bn1, self.bn2 = nn.BatchNorm3d(width), nn.BatchNorm3d(width)
        if deep:
            self.bn3 = nn.BatchNorm3d(self.n_out)
        self.downsample = (
            nn.Sequential(_convolution(n_in, self.n_out, 1, stride), nn.BatchNorm3d(self.n_out))
            if projected
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of the next block, (N, n_out, I', J', K')."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if hasattr(self, "conv3"):
            y = self.bn3(self.conv3(functional.relu(y)))
        return functional.relu(y + self._past(x))

    def _past(self, x: Tensor) -> Tensor:
        if self.downsample is not None:
            projected: Tensor = self.downsample(x)
            return projected
        x = x[:, :, :: self.stride, :: self.stride, :: self.stride]
        return functional.pad(x, (0, 0, 0, 0, 0, 0, 0, self.n_out - x.shape[1]))


class MedicalResNet(nn.Module):
    """A Med3D network without its head: image to features at an eighth of the resolution.

    Parameters
    ----------
    blocks : sequence of int
        Residual blocks of the four stages.
    deep : bool
        Bottleneck blocks (50 layers and more) instead of basic ones.
    projected : bool
        Whether steps that change the shape have weights (shortcut type B).
    """

    def __init__(self, blocks: tuple[int, ...], *, deep: bool, projected: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(1, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        n_in = 64
        for number, (n_blocks, (width, stride, dilation)) in enumerate(zip(blocks, STAGES, strict=True), 1):
            stage = []
            for first in (True, *[False] * (n_blocks - 1)):
                step = stride if first else 1
                changes = first and (step != 1 or n_in != width * (4 if deep else 1))
                block = Residual(
                    n_in, width, deep=deep, stride=step, dilation=dilation, projected=projected and changes
                )
                stage.append(block)
                n_in = block.n_out
            self.add_module(f"layer{number}", nn.Sequential(*stage))

    def forward(self, image: Tensor) -> Tensor:
        """Return features, (N, 512 or 2048, I/8, J/8, K/8), of images (N, 1, I, J, K)."""
        x = functional.relu(self.bn1(self.conv1(image)))
        x = functional.max_pool3d(x, 3, 2, 1)
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        return x


def medical_resnet(weights: Mapping[str, Tensor]) -> MedicalResNet:
    """Return a Med3D network of the depth that its weights have, ready to run.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As in the published files, with or without ``module.`` before every name; a segmentation head is left
        out, anything else must fit exactly.

    Raises
    ------
    ToolError
        When the weights are not those of such a network.
    """
    state = {name.removeprefix("module."): value for name, value in weights.items()}
    state = {name: value for name, value in state.items() if not name.startswith(("conv_seg.", "fc."))}
    blocks = tuple(_n_blocks(state, stage) for stage in range(1, 5))
    if not all(blocks):
        raise ToolError(
            "weights of a Med3D network have layers layer1 to layer4; found "
            f"{', '.join(sorted(state)[:5]) or 'none'}"
        )
    deep = any(re.match(r"layer1\.0\.conv3\.", name) for name in state)
    network = MedicalResNet(blocks, deep=deep, projected=any(".downsample." in name for name in state))
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ToolError(f"the weights do not fit a Med3D network of {blocks} blocks: {error}") from error
    return network.eval()


def _n_blocks(weights: Mapping[str, Tensor], stage: int) -> int:
    numbers = [int(m.group(1)) for name in weights if (m := re.match(rf"layer{stage}\.(\d+)\.", name))]
    return max(numbers, default=-1) + 1


def features(network: nn.Module, image: Tensor) -> Tensor:
    """Return the mean over space of what a network makes of one image, (c,)."""
    with torch.no_grad():
        out = network(image)
    return out.flatten(2).mean(dim=2)[0] if out.ndim > 2 else out.flatten()
