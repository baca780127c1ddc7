"""Features of a network that was never trained: random filters from a fixed seed.

They favour no data set and no task, which trained features cannot claim, and they see texture and contrast.
They are weak: a large distance means something, a small one little (Naeem et al. use random embeddings
where trained ones would be far from home).
"""

from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from plausibrain.evaluation.alignment import common_grid
from plausibrain.evaluation.extraction import extractor

WIDTHS = (1, 16, 32, 64, 128)
VOXEL_MM = 2.0


@extractor(label="Random convolutional network", source=("Naeem2020",))
def random_network(brain: torch.Tensor, *, seed: int = 0) -> np.ndarray:
    """Return the mean of every channel after each of four convolutions, (240,).

    Parameters
    ----------
    brain : Tensor, (I, J, K)
        Standard brain; averaged to 2 mm.
    seed : int
        Of the filters.
    """
    x = functional.adaptive_avg_pool3d(brain[None, None].float(), common_grid(VOXEL_MM)[0])
    means = []
    with torch.no_grad():
        for layer in _layers(seed):
            x = functional.leaky_relu(layer(x), 0.2)
            means.append(x.mean(dim=(0, 2, 3, 4)))
    return torch.cat(means).numpy()


@cache
def _layers(seed: int) -> tuple[nn.Conv3d, ...]:
    """Return four convolutions of stride 2 that keep the variance of what passes them."""
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for n_in, n_out in pairwise(WIDTHS):
        layer = nn.Conv3d(n_in, n_out, 3, stride=2, padding=1, bias=False)
        filters = torch.randn(layer.weight.shape, generator=generator)
        with torch.no_grad():
            layer.weight.copy_(filters * (2.0 / (27 * n_in)) ** 0.5)
        layers.append(layer)
    return tuple(layers)
