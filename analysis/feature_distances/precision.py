"""Precision: the share of generated images that lie among real ones.

A generated image is fine when it lies in the ball around a real one that reaches to its fifth nearest real
neighbour. A generator that draws one good image again and again is perfectly precise. Outliers among the real
images make large balls that forgive much; see density.
"""

import numpy as np

from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.neighbourhoods import neighbourhoods
from plausibrain.analysis.pair import Pair


@feature_distance(
    label="Precision",
    unit="share",
    better="closer",
    ideal=1.0,
    source=("Kynkaanniemi2019",),
    bounds=(0.0, 1.0),
)
def precision(pair: Pair, name: str) -> np.ndarray:
    """Return the share of generated vectors within the ball of a real one, (B,).

    References
    ----------
    Kynkäänniemi et al. 2019, eq. 2 (key Kynkaanniemi2019), k = 5.
    """
    return np.array(
        [
            float((n.across <= n.reference_radius[:, None]).any(axis=0).mean())
            for n in neighbourhoods(pair, name)
        ]
    )
