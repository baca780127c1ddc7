"""Energy distance of features adjusted for age and sex, over its largest possible value.

0 means the same distribution, 1 none in common. No width has to be chosen; in many dimensions it is mostly
about means and overall spread.
"""

import numpy as np

from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.feature_samples import mean_over_pairs, squared_distances
from plausibrain.analysis.joint_design import CohortArrays
from plausibrain.analysis.pair import Pair


@feature_distance(
    label="Energy distance", unit="0 to 1", better="lower", ideal=0.0, source=("Szekely2013",),
    bounds=(-1.0, 1.0), draws="bootstrap", max_splits=200,
)  # fmt: skip
def energy_of_features(pair: Pair, name: str) -> np.ndarray:
    """Return the energy coefficient 1 - (d_rr + d_gg) / (2 d_rg), (B,).

    References
    ----------
    Szekely & Rizzo 2013, section 4 (key Szekely2013).
    """

    def distances(first: CohortArrays, second: CohortArrays) -> np.ndarray:
        return np.sqrt(squared_distances(pair.frame, first, second, name, "adjusted"))

    one, other = pair.reference.arrays, pair.generated.arrays
    across = mean_over_pairs(pair, distances(one, other), "reference", "generated", name)
    within = mean_over_pairs(pair, distances(one, one), "reference", "reference", name)
    within = within + mean_over_pairs(pair, distances(other, other), "generated", "generated", name)
    return 1 - within / (2 * across)
