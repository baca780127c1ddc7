"""Kernel distance of raw features (KID): unbiased, so it means something at small n, where Fréchet does not.

The cubic kernel sees means, covariances and skewness. Its scale is that of the features: numbers of different
extractors cannot be compared, and a difference of age or sex mix is a distance.
"""

import numpy as np

from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.kernels import cubic, discrepancy
from plausibrain.analysis.pair import Pair


@feature_distance(
    label="KID",
    methods="Distances between features (Fréchet [@Heusel2017], kernel [@Binkowski2018; @Gretton2012], "
    "precision and recall [@Kynkaanniemi2019], density and coverage [@Naeem2020], sliced and "
    "exact Wasserstein [@Bonneel2015], Vendi score [@Friedman2023]) stand in the tables for "
    "every extractor, named with the hash of its weights and settings.",
    unit="",
    better="lower",
    ideal=0.0,
    source=("Binkowski2018",),
    draws="bootstrap",
    max_splits=200,
)
def kid(pair: Pair, name: str) -> np.ndarray:
    """Return the squared discrepancy under the kernel (x.y / d + 1)³, (B,).

    References
    ----------
    Bińkowski et al. 2018, section 4 (key Binkowski2018).
    """
    return discrepancy(pair, name, cubic(pair, name, "raw"))
