"""Holes: regions inside the brain that hold one grey value exactly, as no tissue or fluid does."""

import numpy as np
from scipy import ndimage

from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View

_DEPTH_MM = 6.0


@check(
    label="Radius of an even region deep inside the brain",
    unit="mm",
    high="there is a hole in the brain",
    bounds=(0.0, np.inf),
    limits=(0.0, 5.5),
)
def void(coarse: View) -> float:
    """Return the radius of the largest black or perfectly even ball, 6 mm and more inside the hull, mm.

    Notes
    -----
    Black: below 2 % of white matter. Even: a range below 0.2 % of white matter over 3 x 3 x 3 voxels of 2 mm.
    Sulci that a stripping emptied are thin, 4.5 mm at most in 40 sound scans; a hole is not.
    """
    depth = ndimage.distance_transform_edt(np.pad(coarse.hull, 1))[1:-1, 1:-1, 1:-1] * coarse.voxel_mm.mean()
    spread = ndimage.maximum_filter(coarse.data, 3) - ndimage.minimum_filter(coarse.data, 3)
    empty = (depth > _DEPTH_MM) & ((coarse.data < 0.02) | (spread < 0.002))
    return float(ndimage.distance_transform_edt(np.pad(empty, 1), coarse.voxel_mm).max())
