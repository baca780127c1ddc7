"""Sliced Wasserstein distance of features adjusted for age and sex.

Optimal transport along random directions, where it is exact and cheap, averaged. It sees shape as well as
position, along lines only.
"""

import numpy as np
import ot

from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.feature_samples import by_replicate
from plausibrain.analysis.pair import Pair

N_DIRECTIONS = 100
SEED = 20


@feature_distance(
    label="Sliced Wasserstein distance", unit="SD", better="lower", ideal=0.0, source=("Bonneel2015",),
    bounds=(0.0, np.inf),
)  # fmt: skip
def sliced_wasserstein(pair: Pair, name: str) -> np.ndarray:
    """Return the root of the mean squared 2-Wasserstein distance along 100 directions, (B,).

    References
    ----------
    Bonneel et al. 2015, section 3 (key Bonneel2015).
    """
    lines = None
    values = []
    for one, other in by_replicate(pair, name, "adjusted"):
        lines = directions(one.shape[1]) if lines is None else lines
        squares = ot.wasserstein_1d(one @ lines, other @ lines, p=2)
        values.append(float(np.sqrt(np.mean(squares))))
    return np.array(values)


def directions(d: int) -> np.ndarray:
    """Return 100 random directions of unit length, the same for every call, (d, 100)."""
    vectors = np.random.default_rng(SEED).standard_normal((d, N_DIRECTIONS))
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=0)
    return unit
