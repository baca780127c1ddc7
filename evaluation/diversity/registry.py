"""Where similarities of two images register themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from plausibrain.cohorts.registry import Plugin, Registry

#: What is computed once for every image, from the image on the grid of the pairs, (I, J, K), about 0 to 1.
Prepare = Callable[[torch.Tensor], Any]


@dataclass(frozen=True, kw_only=True)
class Similarity(Plugin):
    """A similarity of two images: takes two prepared images, `first` and `second`, and returns a number.

    Parameters
    ----------
    label, bounds, source, methods
        As in `plausibrain.cohorts.registry.Plugin`.
    prepare : callable
        Everything that depends on one image alone; it is shared by all pairs of the image.
    settings : str
        Parameters in words, printed beside every value and part of the key of stored results.
    """

    prepare: Prepare
    settings: str
    better: str = "closer"


SIMILARITIES = Registry("similarities", Similarity)
similarity = SIMILARITIES.register
