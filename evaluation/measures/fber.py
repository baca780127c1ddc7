"""Energy of the head over energy of the air: scanners with little noise and no ghosts have a lot.

It depends on the field of view as little as possible (medians), but still on what the sequence stores in air
(phase, filters). It does not apply where there is no air.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.air_mask import Air
from plausibrain.evaluation.measuring import measure


@measure(
    label="Foreground over background energy",
    unit="ratio",
    better="higher",
    bounds=(0.0, np.inf),
    source=("Shehzad2015", "Esteban2017"),
    detects={"noise": "falls", "ghosting": "falls"},
)
def fber(air: Air) -> float:
    """Return the median squared grey value of the head over that of air.

    Notes
    -----
    Medians as in MRIQC's code; its text says means.

    References
    ----------
    Shehzad et al. 2015 (key Shehzad2015).
    """
    background = float(np.median(np.square(air.values, dtype=np.float64)))
    if background == 0:
        raise MeasurementError("more than half of the air is exactly zero")
    return float(np.median(np.square(air.data[air.head], dtype=np.float64))) / background
