"""Fréchet distance of raw features, as published ("FID" with whatever network made the features).

The distance of two normal distributions with the means and covariances of the clouds. Biased upwards, the
more the fewer images and the longer the vectors: two halves of one cohort are not at distance 0, so it says
something only beside split-half reference at the same n. Never comparable between extractors, grids or n.
"""

import numpy as np

from plausibrain.analysis.covariances import frechet_distance, moments_of
from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.feature_samples import by_replicate
from plausibrain.analysis.pair import Pair


def _caveat(n: int, d: int) -> str:
    if n > 2 * d:
        return ""
    return f"{n} images for {d} dimensions: biased upwards, read it beside split-half reference"


@feature_distance(
    label="Fréchet distance", unit="", better="lower", ideal=0.0, source=("Heusel2017", "Dowson1982"),
    bounds=(0.0, np.inf), longest=4096, caveat=_caveat,
)  # fmt: skip
def frechet(pair: Pair, name: str) -> np.ndarray:
    """Return the Fréchet distance of two normal distributions, (B,).

    References
    ----------
    Dowson & Landau 1982 (key Dowson1982); Heusel et al. 2017, section 3 (key Heusel2017).
    """
    return np.array(
        [
            frechet_distance(moments_of(one), moments_of(other))
            for one, other in by_replicate(pair, name, "raw")
        ]
    )
