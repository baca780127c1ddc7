"""Fluid where none belongs: the thickest place of the brain's hull that is neither tissue nor ventricle."""

import numpy as np
from scipy import ndimage

from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View


@check(
    label="Radius of the largest gap in the brain's hull",
    unit="mm",
    high="tissue is missing inside the brain's outline",
    bounds=(0.0, np.inf),
)
def fluid_ball(coarse: View) -> float:
    """Return the largest distance of a place between brain and hull to the nearer of both, mm."""
    gap = np.pad(coarse.hull & ~coarse.masks["brain"], 1)
    return float(ndimage.distance_transform_edt(gap, coarse.voxel_mm).max())
