"""How steeply grey values change at the borders of cortex and of ventricles, seen at 2 mm.

Blur, over-smoothing and averages of several heads lower it. An average of two heads keeps the levels of deep
white matter and of ventricles, while its borders are half as steep; so the gradient is taken over the range
from white matter to fluid, which hardly differs between scanners, not over the contrast of white matter and
cortex, which an average lowers too.
"""

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View
from plausibrain.evaluation.tissues import MIN_VOXELS

_LATERAL_VENTRICLES = (4, 43)
#: Inner fluid: ventricles hold partial volume, their darkest tenth does not.
_DARK = 10


@check(
    label="Edge strength at the borders of cortex and ventricles",
    unit="of the white-fluid range per mm",
    low="the borders of the tissues are blurred",
    bounds=(0.0, np.inf),
)
def border_strength(coarse: View) -> float:
    """Return the geometric mean of the median gradients at both borders over the white-fluid range, 1/mm."""
    cross = ndimage.generate_binary_structure(3, 1)
    wm, gm = coarse.masks["wm"], coarse.masks["gm"]
    fluid = np.isin(coarse.labels, _LATERAL_VENTRICLES)
    inner = ndimage.binary_erosion(wm)
    cortical = (wm & ndimage.binary_dilation(gm, cross)) | (gm & ndimage.binary_dilation(wm, cross))
    ventricular = ndimage.binary_dilation(fluid) & ~ndimage.binary_erosion(fluid)
    if min(inner.sum(), fluid.sum(), cortical.sum()) < MIN_VOXELS:
        raise MeasurementError("there is too little white matter, cortex or ventricle to compare")
    span = float(np.median(coarse.data[inner]) - np.percentile(coarse.data[fluid], _DARK))
    if span <= 0.01:
        raise MeasurementError("white matter is not brighter than the ventricles")
    steps = np.gradient(coarse.data, *coarse.voxel_mm)
    length = np.sqrt(sum(np.square(step) for step in steps))
    return float(np.sqrt(np.median(length[cortical]) * np.median(length[ventricular]))) / span
