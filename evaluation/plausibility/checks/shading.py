"""How much the level of white matter drifts over the brain: blobs and shadows that no coil leaves."""

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View

_FINE_MM, _WIDE_MM = 8.0, 30.0


@check(
    label="Drift of white matter over 8 to 30 mm",
    unit="of its level",
    high="brightness changes from place to place as in no scan",
    bounds=(0.0, np.inf),
)
def shading(coarse: View) -> float:
    """Return the spread of white matter's local level around its level farther around, as a share of it."""
    wm = ndimage.binary_erosion(coarse.masks["wm"])
    if wm.sum() < 1000:
        raise MeasurementError("there is too little white matter away from its border")
    near, wide = (_level(coarse.data, wm, size / coarse.voxel_mm) for size in (_FINE_MM, _WIDE_MM))
    return float((near[wm] / wide[wm]).std())


def _level(data: np.ndarray, mask: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    return np.asarray(ndimage.gaussian_filter(data * mask, sigma) / np.maximum(weight, 1e-6))
