"""How far the measured brain volume follows a requested one that is normalised for head size.

The published bundle is asked for grey and white matter normalised for head size (field 25009 of the UK
Biobank), so the measured tissue is divided by head size too and multiplied by that of a standard head. The
standard head of the request and ours may differ by a few per cent, and the slope with them; the correlation
in the tables does not.
"""

import numpy as np

from plausibrain.analysis.conditions import weighted_slope
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Brain volume (normalised for head size), measured per requested",
    unit="mm³ per mm³",
    question=6,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 - frame.settings.conditioning_margin, 1 + frame.settings.conditioning_margin),
    methods="Brain volumes that were requested normalised for head size were measured so: tissue over head "
    "size, times 1,828 mL.",
    sentence="Slope of measured on requested brain volume, both normalised for head size: {estimate}; "
    "1 is perfect",
    needs=("requested normalised brain volume",),
    source=("Pinaya2022",),
    null=False,
)
def conditioning_brain_normalised(pair: Pair) -> np.ndarray:
    """Return the slope of measured on requested normalised brain volume, all else equal, (B,)."""
    return weighted_slope("requested_brain_normalised_mm3", pair)
