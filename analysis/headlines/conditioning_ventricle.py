"""How far the measured ventricle volume follows the requested one, millilitre by millilitre.

The slope of measured on requested lateral ventricle volume (both sides, with the inferior horns), at equal
age, sex and other requests: a model that only follows age would have a slope otherwise. A correlation of .97
says nothing of bias: a model that answers half of each request has it too.
"""

import numpy as np

from plausibrain.analysis.conditions import weighted_slope
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Ventricle volume, measured per requested",
    unit="mm³ per mm³",
    question=6,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 - frame.settings.conditioning_margin, 1 + frame.settings.conditioning_margin),
    methods="Conditioning is judged by the slope of measured on requested volume: a correlation, the "
    "published number [@Pinaya2022], says nothing of bias.",
    sentence="Slope of measured on requested ventricle volume: {estimate}; 1 is perfect",
    needs=("requested ventricle volume",),
    source=("Pinaya2022",),
    null=False,
)
def conditioning_ventricle(pair: Pair) -> np.ndarray:
    """Return the slope of measured on requested ventricle volume, all else equal, (B,)."""
    return weighted_slope("requested_ventricle_mm3", pair)
