"""Features of the segmentation network at its coarsest level.

The network was trained to find structures whatever the contrast, so these features see anatomy and position
and hardly see intensities: a wrong contrast or a wrong texture moves them little. They were not trained on
any generator's images, nor on the reference.
"""

from functools import cache

import numpy as np
import torch
from torch.nn import functional

from plausibrain.cohorts.arithmetic import fast_autocast
from plausibrain.evaluation.alignment import common_grid
from plausibrain.evaluation.extraction import extractor
from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet, fold, halve
from plausibrain.evaluation.segmenters.synthseg_style import load_network, version


@extractor(label="Bottleneck of the segmentation network", default=True)
def segmenter_bottleneck(brain: torch.Tensor) -> np.ndarray:
    """Return mean and standard deviation over the brain of every channel at 16 mm, (2 c,).

    Parameters
    ----------
    brain : Tensor, (I, J, K)
        Standard brain; brought to 1 mm, at which the network was trained.
    """
    image = brain[None, None].float()
    grid = common_grid(1.0)[0]
    if tuple(brain.shape) != grid:
        image = functional.interpolate(image, grid, mode="trilinear")
    with torch.no_grad(), fast_autocast("cpu"):
        deepest = _encode(load_network(), image)[0].float().flatten(1)
    inside = functional.adaptive_avg_pool3d(image, _side(grid))[0, 0].flatten() > 0.1
    voxels = deepest[:, inside] if int(inside.sum()) > 1 else deepest
    return torch.cat([voxels.mean(1), voxels.std(1)]).numpy()


def _encode(network: HalfResolutionUNet, image: torch.Tensor) -> torch.Tensor:
    """Return the features after the last of the network's four levels, (1, c, I/16, J/16, K/16)."""
    x = network.stem(fold(image).contiguous(memory_format=torch.channels_last_3d))
    for level, block in enumerate(network.down):
        x = block(halve(x) if level else x)
    return x


def _side(grid: tuple[int, int, int]) -> tuple[int, int, int]:
    return grid[0] // 16, grid[1] // 16, grid[2] // 16


@cache
def weights_hash() -> str:
    """Return the hash of the network's weights."""
    return version()
