"""How fast detail fades with its size: slope of the power spectrum of the brain.

Noise flattens it, blur and generators steepen it: networks that upsample lack high frequencies. It rests on
anatomy too, so compare it with real images at the same resolution.
"""

import numpy as np

from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.spectrum import Spectrum, radial_power

#: Waves longer than 20 mm are the shape of the head.
LOWEST_PER_MM = 0.05
#: Near the highest frequency of the grid the cube has corners.
HIGHEST_SHARE = 0.9
N_BINS = 24


@measure(
    label="Slope of the power spectrum",
    unit="power of frequency",
    bounds=(-20.0, 5.0),
    source=("Durall2020",),
    detects={"noise": "rises", "blur": "falls"},
)
def spectral_slope(spectrum: Spectrum) -> float:
    """Return the slope of log power on log spatial frequency inside the brain.

    Notes
    -----
    Frequencies from 0.05 per mm to 0.9 of the highest, in 24 bins of equal ratio, least squares.

    References
    ----------
    Durall et al. 2020 (key Durall2020): generators fail in this spectrum.
    """
    edges = np.geomspace(LOWEST_PER_MM, HIGHEST_SHARE * spectrum.highest, N_BINS + 1)
    centres, means = radial_power(spectrum, edges)
    return float(np.polyfit(np.log(centres), np.log(means), 1)[0])
