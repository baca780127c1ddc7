"""Whether structures lie where they lie in a human head, size and position of the head aside."""

import numpy as np

from plausibrain.cohorts.volumes import LabelMap
from plausibrain.evaluation.alignment import centres, fit_pose, template_centres
from plausibrain.evaluation.plausibility.registry import check

_FLUID = (24, 26, 58, 14, 15)
_MIN_STRUCTURES = 12


@check(
    label="Distance of structures from their places",
    unit="mm",
    high="structures do not lie where they lie in a human brain",
    bounds=(0.0, np.inf),
)
def position_error(label_map: LabelMap) -> float:
    """Return the root mean square distance of structures from their places after a similarity, mm."""
    found, template = centres(label_map), template_centres()
    known = [k for k in sorted(found) if k in template and k not in _FLUID]
    if len(known) < _MIN_STRUCTURES:
        return float("nan")
    source, target = np.array([found[k] for k in known]), np.array([template[k] for k in known])
    spreads = [np.sqrt(np.square(x - x.mean(0)).sum()) for x in (source, target)]
    return fit_pose(source * (spreads[1] / spreads[0]), target).error_mm
