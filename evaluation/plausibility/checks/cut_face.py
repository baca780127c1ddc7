"""The largest flat face of the brain: where the field of view, or a generator, cut it off."""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View

_DEPTH_MM = 4.0
_N_DIRECTIONS = 120
#: Directions below this (component along superior) end in the brain-stem and the flat base of the brain.
_BASE = -0.6


def directions(n: int) -> np.ndarray:
    """Return n directions spread evenly over the sphere (a golden spiral) and the axes, (n + 6, 3)."""
    k = np.arange(n) + 0.5
    z, angle = 1 - 2 * k / n, np.pi * (1 + np.sqrt(5)) * k
    radius = np.sqrt(1 - z**2)
    spiral = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), z])
    return np.concatenate([spiral, np.eye(3), -np.eye(3)])


@check(
    label="Largest flat face of the brain",
    unit="mm2",
    high="part of the brain is cut away along a plane",
    bounds=(0.0, np.inf),
)
def cut_face(coarse: View) -> float:
    """Return the largest volume within 4 mm of a plane that touches the brain from outside, over 4 mm, mm2.

    Notes
    -----
    A ball of radius R has pi h R with h = 4 mm: 880 mm2 for 70 mm. Fluid around the brain is left
    out; twenty voxels of the brain may lie beyond the plane.
    """
    points = np.argwhere(coarse.masks["brain"]).astype(np.float32) * coarse.voxel_mm.astype(np.float32)
    if len(points) < 1000:
        raise MeasurementError("no brain is labelled")
    largest = 0.0
    for normal in directions(_N_DIRECTIONS).astype(np.float32):
        if normal[2] < _BASE:
            continue
        height = points @ normal
        top = np.partition(height, -20)[-20]
        largest = max(largest, float((height > top - _DEPTH_MM).sum()))
    return largest * float(np.prod(coarse.voxel_mm)) / _DEPTH_MM
