"""How far off the sex difference of the worst structure is, at the head-size convention of the headlines.

The largest difference of men minus women between the cohorts, in standard deviations of comparable
reference subjects. It fails when a structure differs after correction over all of them; it passes when the
largest deviation exceeds that of two halves of the reference, at the same n, by less than the margin: the
largest of many is large by chance too. Sex differences are small beside their errors, so it takes many
subjects to see one.
"""

import numpy as np

from plausibrain.analysis.difference_maps import SEX
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.structure_maps import largest, largest_name


@headline(
    label="Sex differences, worst structure",
    unit="SD",
    question=5,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.margin),
    sentence="Largest deviation of a sex difference: {which}, by {estimate} SD.",
    needs=("sex",),
    against_null=True,
    bounds=(0.0, np.inf),
    assumes=("shared ages", "sex with the rest"),
    which=lambda pair: largest_name(pair, SEX),
    structures=SEX,
)
def sex_worst(pair: Pair) -> np.ndarray:
    """Return the largest absolute difference of a sex effect, SD, (B,)."""
    return largest(pair, SEX)
