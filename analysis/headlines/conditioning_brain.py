"""How far the measured brain volume follows the requested one.

The slope of measured on requested brain volume (all tissue, without ventricles and other fluid), at equal
age, sex and other requests. Both are raw volumes; a model that is asked for a brain volume normalised for
head size is judged by `conditioning_brain_normalised`.
"""

import numpy as np

from plausibrain.analysis.conditions import weighted_slope
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Brain volume (raw), measured per requested",
    unit="mm³ per mm³",
    question=6,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 - frame.settings.conditioning_margin, 1 + frame.settings.conditioning_margin),
    sentence="Slope of measured on requested raw brain volume: {estimate}; 1 is perfect",
    needs=("requested brain volume",),
    source=("Pinaya2022",),
    null=False,
)
def conditioning_brain(pair: Pair) -> np.ndarray:
    """Return the slope of measured on requested brain volume, all else equal, (B,)."""
    return weighted_slope("requested_brain_mm3", pair)
