"""Maximum mean discrepancy under a Gaussian kernel, of features adjusted for age and sex.

Sees every difference of two distributions, the more the closer it lies to the width of the kernel, the median
distance of two subjects of the reference. Bounded, so a few strange images do not carry it.
"""

import numpy as np

from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.kernels import discrepancy, gaussian
from plausibrain.analysis.pair import Pair


@feature_distance(
    label="MMD, Gaussian kernel", unit="", better="lower", ideal=0.0, source=("Gretton2012",),
    bounds=(-2.0, 2.0), draws="bootstrap", max_splits=200,
)  # fmt: skip
def mmd(pair: Pair, name: str) -> np.ndarray:
    """Return the squared discrepancy under a Gaussian kernel of the median width, (B,).

    References
    ----------
    Gretton et al. 2012, eq. 3 and section 8 (key Gretton2012).
    """
    return discrepancy(pair, name, gaussian(pair, name, "adjusted"))
