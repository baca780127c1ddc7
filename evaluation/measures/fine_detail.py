"""Share of the finest detail in the spectrum of the brain: waves shorter than three voxels.

Nearly all of it is noise in a scan, and it is missing in images that a network upsampled or that were
denoised. A generator trained on denoised images lacks it rightly: compare with what it was trained on.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.spectrum import Spectrum

LOWEST_PER_MM = 0.05
#: Of the highest frequency along an axis; two thirds is a wave of three voxels.
FINE_SHARE = 2 / 3


@measure(
    label="Finest detail",
    unit="log10 share",
    bounds=(-20.0, 0.0),
    source=("Durall2020",),
    detects={"noise": "rises", "blur": "falls", "folding_blur": "falls", "checkerboard": "rises"},
)
def fine_detail(spectrum: Spectrum) -> float:
    """Return the power of waves shorter than three voxels over that of all below 20 mm, log10."""
    coarse, fine = (spectrum.frequency >= low for low in (LOWEST_PER_MM, FINE_SHARE * spectrum.highest))
    total = float(spectrum.power[coarse].sum(dtype=np.float64))
    part = float(spectrum.power[fine].sum(dtype=np.float64))
    if total == 0 or part == 0:
        raise MeasurementError("the brain holds no detail at all")
    return float(np.log10(part / total))
