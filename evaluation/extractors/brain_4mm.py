"""The image itself at 4 mm: what the network of age and sex sees.

Not extracted unless a run trains that network, because a vector takes 0.36 MB an image.
"""

import numpy as np
import torch
from torch.nn import functional

from plausibrain.evaluation.alignment import FIELD_MM
from plausibrain.evaluation.extraction import extractor

#: Size of a block, mm; divides the field of view.
BLOCK_MM = 4
SHAPE = (FIELD_MM[0] // BLOCK_MM, FIELD_MM[1] // BLOCK_MM, FIELD_MM[2] // BLOCK_MM)


@extractor(label="Image at 4 mm")
def brain_4mm(brain: torch.Tensor) -> np.ndarray:
    """Return the mean of every block of 4 mm, (89600,).

    Parameters
    ----------
    brain : Tensor, (I, J, K)
        Standard brain.
    """
    return functional.adaptive_avg_pool3d(brain[None, None].float(), SHAPE).flatten().numpy()
