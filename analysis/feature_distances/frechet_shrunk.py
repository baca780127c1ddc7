"""Fréchet distance with covariances shrunk towards a multiple of the identity (Ledoit & Wolf).

Less biased than the published one where images are few for the length of the vectors; then part of a true
difference of covariances is shrunk away too.
"""

import numpy as np

from plausibrain.analysis.covariances import frechet_distance, shrunk_moments_of
from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.feature_samples import by_replicate
from plausibrain.analysis.pair import Pair


@feature_distance(
    label="Fréchet distance, shrunk covariances", unit="", better="lower", ideal=0.0,
    source=("Ledoit2004", "Dowson1982"), bounds=(0.0, np.inf), longest=512,
)  # fmt: skip
def frechet_shrunk(pair: Pair, name: str) -> np.ndarray:
    """Return the Fréchet distance of two normal distributions with shrunk covariances, (B,).

    References
    ----------
    Ledoit & Wolf 2004, section 3.3 (key Ledoit2004).
    """
    return np.array(
        [
            frechet_distance(shrunk_moments_of(one), shrunk_moments_of(other))
            for one, other in by_replicate(pair, name, "raw")
        ]
    )
