"""Regular patterns of a few voxels: the checkerboards that transposed convolutions leave.

A pattern that repeats is one sharp line in the spectrum, many times stronger than its neighbours; noise and
anatomy have none. Scanners can leave lines too (spikes in k-space, zippers), rarely.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.spectrum import Spectrum

#: Share of the highest frequency along an axis above which anatomy has no lines of its own.
LOWEST_SHARE = 0.5
RINGS = 16


@measure(
    label="Regular pattern",
    unit="log10 ratio",
    better="lower",
    bounds=(0.0, 20.0),
    source=("Odena2016", "Durall2020"),
    detects={"checkerboard": "rises"},
)
def regular_pattern(spectrum: Spectrum) -> float:
    """Return the strongest wave of the upper half of the spectrum over the mean at its frequency, log10.

    References
    ----------
    Odena et al. 2016 (key Odena2016): where checkerboards come from.
    """
    top = spectrum.highest
    edges = np.linspace(LOWEST_SHARE * top, np.sqrt(3) * top, RINGS + 1)
    ring = np.digitize(spectrum.frequency.ravel(), edges)
    inside = (ring > 0) & (ring <= RINGS)
    ring, values = ring[inside] - 1, spectrum.power.ravel()[inside]
    counts, sums = np.bincount(ring, minlength=RINGS), np.bincount(ring, weights=values, minlength=RINGS)
    if not sums.all():
        raise MeasurementError("the brain holds no fine detail at all")
    return float(np.log10((values / (sums / counts)[ring]).max()))
