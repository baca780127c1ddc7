"""Whether structures lie where they lie in a human head, size and position of the head aside."""

from collections.abc import Mapping

import numpy as np

from plausibrain.evaluation.alignment import fit_pose, template_centres
from plausibrain.evaluation.plausibility.registry import check

_FLUID = (24, 26, 58, 14, 15)
_MIN_STRUCTURES = 12


@check(
    label="Distance of structures from their places",
    unit="mm",
    high="structures do not lie where they lie in a human brain",
    bounds=(0.0, np.inf),
)
def position_error(centres: Mapping[int, np.ndarray]) -> float:
    """Return the root mean square distance of structures from their places after a similarity, mm."""
    template = template_centres()
    ids = [k for k in sorted(centres) if k in template and k not in _FLUID]
    if len(ids) < _MIN_STRUCTURES:
        return float("nan")
    source, target = np.array([centres[k] for k in ids]), np.array([template[k] for k in ids])
    spreads = [np.sqrt(np.square(x - x.mean(0)).sum()) for x in (source, target)]
    return fit_pose(source * (spreads[1] / spreads[0]), target).error_mm
