"""The structure that lies farthest from its place in a human head, size and position of the head aside."""

import numpy as np

from plausibrain.cohorts.volumes import LabelMap
from plausibrain.evaluation.alignment import centres, fit_pose, template_centres
from plausibrain.evaluation.plausibility.checks.position_error import _FLUID, _MIN_STRUCTURES
from plausibrain.evaluation.plausibility.registry import check


@check(
    label="Largest distance of a structure from its place",
    unit="mm",
    high="a structure lies where it does not belong",
    bounds=(0.0, np.inf),
)
def worst_position(label_map: LabelMap) -> float:
    """Return the largest distance of a structure from its place after rigid motion and scaling, mm."""
    found, template = centres(label_map), template_centres()
    known = [k for k in sorted(found) if k in template and k not in _FLUID]
    if len(known) < _MIN_STRUCTURES:
        return float("nan")
    source, target = np.array([found[k] for k in known]), np.array([template[k] for k in known])
    spreads = [np.sqrt(np.square(x - x.mean(0)).sum()) for x in (source, target)]
    source = source * (spreads[1] / spreads[0])
    matrix = fit_pose(source, target).matrix
    moved = source @ matrix[:3, :3].T + matrix[:3, 3]
    return float(np.sqrt(np.square(moved - target).sum(1)).max())
