"""Squared Wasserstein distance of features adjusted for age and sex, exact.

What it costs to turn real images into generated ones. Never 0 and falling with n, so it is read beside real
against real; in many dimensions most of it is the distance of any two subjects.
"""

import numpy as np

from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.feature_samples import equal_members, points
from plausibrain.analysis.pair import ROLES, Pair
from plausibrain.analysis.transport import assignment_cost


@feature_distance(
    label="Wasserstein distance, squared",
    unit="SD²",
    better="lower",
    ideal=0.0,
    bounds=(0.0, np.inf),
    longest=4096,
)
def wasserstein(pair: Pair, name: str) -> np.ndarray:
    """Return the squared 2-Wasserstein distance of equally many images, at most `wasabi_n` of each, (B,)."""
    most = pair.frame.settings.wasabi_n
    values = []
    for b in range(pair.n_replicates):
        rows = equal_members(pair, b, name, most)
        sides = [points(pair.side(role).arrays, name, "adjusted") for role in ROLES]
        values.append(assignment_cost(sides[0][rows[0]], sides[1][rows[1]]) if len(rows[0]) else np.nan)
    return np.array(values)
