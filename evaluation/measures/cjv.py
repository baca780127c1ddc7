"""How badly grey and white matter are told apart: their joint spread over the distance of their medians.

Noise and shading raise it, and so does a generator that paints tissue unevenly. Contrast falls with age in
real subjects, so it rises with age a little. It needs no background: one of the few measures that mean the
same in a stripped image and in a whole head.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import Tissues


@measure(
    label="Coefficient of joint variation",
    better="lower",
    bounds=(0.0, np.inf),
    source=("Ganzetti2016", "Esteban2017"),
    detects={"noise": "rises", "bias_field": "rises", "ghosting": "rises", "checkerboard": "rises"},
)
def cjv(tissues: Tissues) -> float:
    """Return the sum of the spreads of grey and white matter over the distance of their medians.

    Notes
    -----
    CJV = (MAD_wm + MAD_gm) / |median_wm - median_gm|, MAD over 0.6745: what MRIQC computes, where its text
    says mean and standard deviation.

    References
    ----------
    Ganzetti et al. 2016 (key Ganzetti2016); Esteban et al. 2017 (key Esteban2017).
    """
    distance = abs(tissues.median("wm") - tissues.median("gm"))
    if distance == 0:
        raise MeasurementError("grey and white matter have the same median")
    return (tissues.mad("wm") + tissues.mad("gm")) / distance
