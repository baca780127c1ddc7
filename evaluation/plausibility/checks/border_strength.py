"""How steeply grey values rise at the border of cortex and white matter, seen at 2 mm.

Blur, over-smoothing and averages of several heads lower it; a patchwork raises nothing here.
"""

import numpy as np
from scipy import ndimage

from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View


@check(
    label="Edge strength at the cortical border",
    unit="1/mm",
    low="the borders of the tissues are blurred",
    bounds=(0.0, np.inf),
)
def border_strength(coarse: View) -> float:
    """Return the median gradient at the border of white matter and cortex over their contrast, 1/mm."""
    cross = ndimage.generate_binary_structure(3, 1)
    wm, gm = coarse.masks["wm"], coarse.masks["gm"]
    border = (wm & ndimage.binary_dilation(gm, cross)) | (gm & ndimage.binary_dilation(wm, cross))
    steps = np.gradient(coarse.data, *coarse.voxel_mm)
    length = np.sqrt(sum(np.square(step[border]) for step in steps))
    return float(np.median(length)) / coarse.contrast if len(length) else float("nan")
