"""Planes at which the image changes more, or less, than beside: seams, repeated or missing slices.

Patchworks, stitched tiles, duplicated slices and shifted blocks have them; a scan with interleaved motion has
weak ones.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View

#: Planes on each side that say what is usual.
_REACH = 4
#: Planes with less of the brain than this share of the largest are left out.
_LEAST = 0.3


@check(
    label="Largest jump between planes beside those around it",
    unit="log ratio",
    high="planes of the image do not belong together (seam, repeated or missing slice)",
    bounds=(0.0, np.inf),
)
def seams(native: View) -> float:
    """Return the largest absolute log ratio of a plane's mean step to the median of the planes around it."""
    brain, largest = native.masks["brain"], 0.0
    for axis in range(3):
        data, mask = np.moveaxis(native.data, axis, 0), np.moveaxis(brain, axis, 0)
        both = mask[1:] & mask[:-1]
        area = both.sum((1, 2))
        steps = (np.abs(data[1:] - data[:-1]) * both).sum((1, 2)) / np.maximum(area, 1)
        planes = np.flatnonzero(area > _LEAST * area.max())
        if len(planes) < 3 * _REACH:
            raise MeasurementError("the brain has too few planes")
        profile = np.log(np.maximum(steps[planes[0] : planes[-1] + 1], 1e-4))
        around = np.array([_usual(profile, k) for k in range(len(profile))])
        largest = max(largest, float(np.abs(profile - around).max()))
    return largest


def _usual(profile: np.ndarray, place: int) -> float:
    low, high = max(0, place - _REACH), place + _REACH + 1
    return float(np.median(np.delete(profile[low:high], min(place, _REACH))))
