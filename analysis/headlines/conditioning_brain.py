"""How far the measured brain volume follows the requested one.

The slope of measured on requested brain volume (all tissue, without ventricles and other fluid), at equal
age, sex and other requests. What a model calls brain volume may be normalised for head size; then the offset
differs, the slope should not be far from one.
"""

import numpy as np

from plausibrain.analysis.conditions import weighted_slope
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Brain volume, measured per requested",
    unit="mm³ per mm³",
    question=6,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 - frame.settings.conditioning_margin, 1 + frame.settings.conditioning_margin),
    sentence="Slope of measured on requested brain volume: {estimate}; 1 is perfect",
    needs=("requested brain volume",),
    source=("Pinaya2022",),
    null=False,
)
def conditioning_brain(pair: Pair) -> np.ndarray:
    """Return the slope of measured on requested brain volume, all else equal, (B,)."""
    return weighted_slope("requested_brain_mm3", pair)
