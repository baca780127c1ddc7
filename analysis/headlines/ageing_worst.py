"""How far off the ageing of the worst structure is: one may grow with age while the map as a whole is right.

The largest difference of an age slope between the cohorts, in standard deviations of comparable reference
subjects per decade. It fails when a structure differs after correction over all of them; it passes when the
largest deviation exceeds that of two halves of the reference, at the same n, by less than the margin: the
largest of many is large by chance too. Slopes rest on the ages that both cohorts cover.
"""

import numpy as np

from plausibrain.analysis.difference_maps import AGEING
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.structure_maps import largest, largest_name


@headline(
    label="Age effects, worst structure",
    unit="SD per decade",
    question=4,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.margin / 2),
    sentence="Largest deviation of ageing: {which}, by {estimate} SD per decade.",
    needs=("age",),
    against_null=True,
    bounds=(0.0, np.inf),
    assumes=("shared ages", "age with the rest"),
    which=lambda pair: largest_name(pair, AGEING),
    structures=AGEING,
)
def ageing_worst(pair: Pair) -> np.ndarray:
    """Return the largest absolute difference of an age slope, SD per decade, (B,)."""
    return largest(pair, AGEING)
