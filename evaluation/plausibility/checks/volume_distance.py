"""How unusual the volumes of a brain are together, given the size of the head.

The population is drawn from published norms, ages 20 to 90; what the segmenter adds is allowed for
(`plausibrain.evaluation.plausibility.population`).
"""

from collections.abc import Mapping

import numpy as np

from plausibrain.evaluation.plausibility.population import log_shares, shipped_population
from plausibrain.evaluation.plausibility.registry import check


@check(
    label="Distance of the volumes from those of adults",
    unit="standard deviations",
    high="the volumes of the structures do not go together in a human brain",
    bounds=(0.0, np.inf),
    source=("Bethlehem2022",),
)
def volume_distance(volumes: Mapping[str, float]) -> float:
    """Return the Mahalanobis distance of nine log volumes, as shares of head size, over the root of nine."""
    mean, covariance = shipped_population()
    rest = log_shares(volumes) - mean
    return float(np.sqrt(rest @ np.linalg.solve(covariance, rest) / len(rest)))
