"""Contrast of grey and white matter over their own spread: the contrast-to-noise ratio of a stripped image.

Valid with and without a background. Noise, shading and partial volume lower it; blur does both: less noise,
more partial volume.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import Tissues


@measure(
    label="Contrast-to-noise ratio, tissue only",
    better="higher",
    bounds=(0.0, np.inf),
    source=("Magnotta2006",),
    detects={"noise": "falls", "bias_field": "falls", "ghosting": "falls", "checkerboard": "falls"},
)
def cnr_tissue(tissues: Tissues) -> float:
    """Return the distance of the medians over the root of the summed variances of white and grey matter.

    Notes
    -----
    MRIQC's formula with sd_air = 0, which is what it computes on an empty background.

    References
    ----------
    Magnotta & Friedman 2006 (key Magnotta2006).
    """
    variance = sum(float(tissues.values(t).var(ddof=0, dtype=np.float64)) for t in ("wm", "gm"))
    if variance == 0:
        raise MeasurementError("nothing varies in grey and white matter")
    return abs(tissues.median("wm") - tissues.median("gm")) / float(np.sqrt(variance))
