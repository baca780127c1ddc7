"""Recall: the share of real images that lie among generated ones.

Counted with balls around generated images: a generator that draws nonsense far apart has large balls and a
high recall. Coverage asks the same with balls around real images.
"""

import numpy as np

from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.neighbourhoods import neighbourhoods
from plausibrain.analysis.pair import Pair


@feature_distance(
    label="Recall", unit="share", better="closer", ideal=1.0, source=("Kynkaanniemi2019",), bounds=(0.0, 1.0)
)
def recall(pair: Pair, name: str) -> np.ndarray:
    """Return the share of real vectors within the ball of a generated one, (B,).

    References
    ----------
    Kynkäänniemi et al. 2019, eq. 2 (key Kynkaanniemi2019), k = 5.
    """
    return np.array(
        [float((n.across <= n.generated_radius[None]).any(axis=1).mean()) for n in neighbourhoods(pair, name)]
    )
