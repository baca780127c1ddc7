"""Coverage: the share of real images that have a generated one among their nearest neighbours.

Near 1 for real images against as many real ones. It falls when a generator leaves out kinds of subjects or
draws the same ones again, and it depends on n: more images cover more.
"""

import numpy as np

from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.neighbourhoods import neighbourhoods
from plausibrain.analysis.pair import Pair


@feature_distance(
    label="Coverage", unit="share", better="closer", ideal=1.0, source=("Naeem2020",), bounds=(0.0, 1.0)
)
def coverage(pair: Pair, name: str) -> np.ndarray:
    """Return the share of real vectors with a generated one in their ball, (B,).

    References
    ----------
    Naeem et al. 2020, eq. 4 (key Naeem2020), k = 5.
    """
    return np.array(
        [float((n.across.min(axis=1) <= n.reference_radius).mean()) for n in neighbourhoods(pair, name)]
    )
