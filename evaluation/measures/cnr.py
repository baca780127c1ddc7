"""Contrast of grey and white matter over the noise of tissues and air, as MRIQC has it.

Where the background is empty the noise of air would be zero and the number larger than that of any scan: it
does not apply there. `cnr_tissue` does.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.air_mask import Air
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import Tissues


@measure(
    label="Contrast-to-noise ratio, with air",
    better="higher",
    bounds=(0.0, np.inf),
    source=("Magnotta2006", "Esteban2017"),
    detects={"noise": "falls", "bias_field": "falls", "ghosting": "falls"},
)
def cnr(tissues: Tissues, air: Air) -> float:
    """Return the distance of the medians over the root of the summed variances of white, grey and air.

    Notes
    -----
    CNR = |median_wm - median_gm| / sqrt(sd_air^2 + sd_wm^2 + sd_gm^2).

    References
    ----------
    Magnotta & Friedman 2006 (key Magnotta2006).
    """
    variance = air.sd**2 + sum(float(tissues.values(t).var(ddof=0, dtype=np.float64)) for t in ("wm", "gm"))
    if variance == 0:
        raise MeasurementError("nothing varies in tissue and air")
    return abs(tissues.median("wm") - tissues.median("gm")) / float(np.sqrt(variance))
