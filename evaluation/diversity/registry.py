"""Where similarities of two images register themselves."""

from collections.abc import Callable
from typing import Any

import torch

from plausibrain.cohorts.registry import Registry

#: What is computed once for every image, from the image on the grid of the pairs, (I, J, K), about 0 to 1.
Prepare = Callable[[torch.Tensor], Any]

#: A similarity takes two prepared images, `first` and `second`, and returns a number.
SIMILARITIES = Registry("similarities")


def similarity(
    *, label: str, prepare: Prepare, bounds: tuple[float, float], source: tuple[str, ...], settings: str
) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Register a similarity of two images.

    Parameters
    ----------
    label, bounds, source
        As in `plausibrain.cohorts.registry.Plugin`.
    prepare : callable
        Everything that depends on one image alone; it is shared by all pairs of the image.
    settings : str
        Parameters in words, printed beside every value and part of the key of stored results.
    """
    return SIMILARITIES.register(
        label=label, unit="", better="closer", bounds=bounds, source=source,
        options={"prepare": prepare, "settings": settings},
    )  # fmt: skip
