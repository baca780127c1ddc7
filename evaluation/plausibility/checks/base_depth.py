"""How far the cerebellum reaches below the brain's other parts: cut away, it ends in a plane.

Volumes alone hide it, since cerebella differ; the flat lower face does not.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View

_CEREBELLUM = (7, 8, 46, 47)
_DEPTH_MM = 4.0


@check(
    label="Share of the cerebellum in its lowest 4 mm",
    high="the lower part of the cerebellum is cut away",
    bounds=(0.0, 1.0),
)
def base_depth(coarse: View) -> float:
    """Return the largest share of the cerebellum in its lowest 4 mm, over directions near inferior."""
    points = np.argwhere(np.isin(coarse.labels, _CEREBELLUM)) * coarse.voxel_mm
    if len(points) < 100:
        raise MeasurementError("no cerebellum is labelled")
    shares = []
    for tilt in np.radians((-30, -15, 0, 15, 30)):
        depth = -(points @ np.array([0.0, np.sin(tilt), np.cos(tilt)]))
        end = np.partition(depth, -10)[-10]
        shares.append(float((depth > end - _DEPTH_MM).mean()))
    return max(shares)
