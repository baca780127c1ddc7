"""Unevenness of the brightness over the brain: what a receive coil leaves, or a generator makes up.

Estimated from the labels: the smooth gain that best explains why grey and white matter are brighter here
than there. True regional differences of tissue (frontal white matter is darker) are part of it, also in an
image without any shading: compare with real images that went through the same correction.
"""

import numpy as np

from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.bias_field import log_gain
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import Tissues


@measure(
    label="Intensity non-uniformity",
    unit="ratio",
    better="lower",
    bounds=(0.0, np.inf),
    source=("Esteban2017",),
    detects={"bias_field": "rises"},
)
def inu(image: Volume, tissues: Tissues) -> float:
    """Return the range of the gain over grey and white matter (5th to 95th percentile) over its median.

    Notes
    -----
    MRIQC takes the same range of the field that N4 estimates; ours is a polynomial
    (`plausibrain.evaluation.bias_field`).
    """
    gain = np.exp(log_gain(image, tissues))
    low, middle, high = np.percentile(gain, [5, 50, 95])
    return float((high - low) / middle)
