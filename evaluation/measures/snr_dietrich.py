"""Signal of each tissue over the noise of air, corrected for its Rayleigh distribution.

Unlike `snr` it is free of anatomy. It needs air that the scanner saw: after filters, parallel imaging or
resampling, the noise of air is not that of the brain, and sites differ tenfold.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.air_mask import Air
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import Tissues

#: Standard deviation of Rayleigh noise over that of its Gaussian parts, sqrt((4 - pi) / 2).
RAYLEIGH = float(np.sqrt((4 - np.pi) / 2))


@measure(
    label="Signal over the noise of air (Dietrich)",
    better="higher",
    bounds=(0.0, np.inf),
    source=("Dietrich2007",),
    parts={"wm": "white matter", "gm": "grey matter", "csf": "ventricles"},
    detects={"noise": "falls"},
)
def snr_dietrich(tissues: Tissues, air: Air, part: str) -> float:
    """Return the median of a tissue over the spread of air, times sqrt((4 - pi) / 2).

    Notes
    -----
    MRIQC's code: the spread is the median absolute deviation of air.

    References
    ----------
    Dietrich et al. 2007, equation A12 (key Dietrich2007).
    """
    if air.mad == 0:
        raise MeasurementError("more than half of the air has the same grey value")
    return RAYLEIGH * tissues.median(part) / air.mad
