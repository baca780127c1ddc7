"""Detail between 2 and 4 mm compared with that at 4 to 8 mm: sharpness that noise does not hide.

Over-smoothing and averages lower it even when noise was added afterwards.
"""

import numpy as np
from scipy import ndimage

from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View


@check(
    label="Detail of 2 to 4 mm over detail of 4 to 8 mm",
    unit="log10 ratio",
    low="fine anatomy is missing",
)
def fine_drop(coarse: View) -> float:
    """Return the log10 ratio of the spreads of two band-passed images of the brain at 2 mm."""
    brain = coarse.masks["brain"]
    first = ndimage.gaussian_filter(coarse.data, 1.0)
    second = ndimage.gaussian_filter(coarse.data, 2.0)
    return float(np.log10((coarse.data - first)[brain].std() / max((first - second)[brain].std(), 1e-9)))
