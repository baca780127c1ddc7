"""Noise and finest texture in white matter, at the size of the voxels.

Noise, checkerboards and texture raise it. Too little is not judged: denoised and interpolated scans have as
little as over-smoothed images, which `fine_drop` and `border_strength` see. It depends on the voxel size, so
limits are apart for images above and below 1.4 mm.
"""

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View
from plausibrain.evaluation.tissues import MIN_VOXELS, mad

#: Smallest share that is told from nothing.
_LEAST = 1e-5


@check(
    label="Noise in white matter",
    unit="log10 of the grey-white contrast",
    high="the image is noisier or more textured than a usable scan",
)
def fine_noise(native: View) -> float:
    """Return the spread of second differences of inner white matter over the contrast, log10.

    Notes
    -----
    Second differences along the three axes, added and divided by sqrt(42), so that white noise of SD s
    gives s; median absolute deviation.
    """
    inner = ndimage.binary_erosion(native.masks["wm"], ndimage.generate_binary_structure(3, 1))
    if inner.sum() < MIN_VOXELS:
        raise MeasurementError("there is too little white matter away from its border")
    rough = sum(
        np.roll(native.data, 1, axis) + np.roll(native.data, -1, axis) - 2 * native.data for axis in range(3)
    )
    return float(np.log10(mad(rough[inner]) / np.sqrt(42.0) / native.contrast + _LEAST))
