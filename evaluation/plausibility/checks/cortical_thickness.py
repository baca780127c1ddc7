"""Volume of the cortex over the area of its inner border: too thin in a wrong scale, too thick after blur."""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View


@check(
    label="Cortical volume over the area of the white surface",
    unit="mm",
    low="the cortex is too thin for its surface",
    high="the cortex is too thick for its surface",
    bounds=(0.0, np.inf),
)
def cortical_thickness(coarse: View) -> float:
    """Return cortical volume over the area of the faces between white and other matter, mm.

    Notes
    -----
    Faces of voxels overestimate a smooth area by 3/2 on average, which is divided out.
    """
    wm, gm = coarse.masks["wm"], coarse.masks["gm"]
    area = 0.0
    for axis, size in enumerate(coarse.voxel_mm):
        face = float(np.prod(coarse.voxel_mm)) / size
        first, second = (np.take(wm, range(s, wm.shape[axis] - 1 + s), axis) for s in (0, 1))
        area += face * float((first != second).sum()) / 1.5
    if area == 0:
        raise MeasurementError("no white matter is labelled")
    volume = float(gm.sum()) * float(np.prod(coarse.voxel_mm))
    return volume / area
