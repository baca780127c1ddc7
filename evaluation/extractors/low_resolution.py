"""The image itself at 8 mm: what the eye sees from far away.

It sees size, position and shape of ventricles, lobes and cerebellum, and the general contrast; texture and
gyri are averaged out. `plausibrain.analysis.feature_samples` takes principal components of it, with a basis
fitted on the reference alone. Copies are looked for in it too: at 8 mm two scans of one subject are alike,
two subjects are not.
"""

import numpy as np
import torch
from torch.nn import functional

from plausibrain.evaluation.alignment import FIELD_MM
from plausibrain.evaluation.extraction import extractor

#: Size of a block, mm; divides the field of view.
BLOCK_MM = 8


@extractor(label="Image at 8 mm", default=True, image_space=True)
def low_resolution(brain: torch.Tensor) -> np.ndarray:
    """Return the mean of every block of 8 mm, (11200,).

    Parameters
    ----------
    brain : Tensor, (I, J, K)
        Standard brain.
    """
    i, j, k = (side // BLOCK_MM for side in FIELD_MM)
    return functional.adaptive_avg_pool3d(brain[None, None].float(), (i, j, k)).flatten().numpy()
