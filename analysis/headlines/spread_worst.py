"""How far off the spread of the worst structure is: a typical ratio of one can hide one of a quarter.

The largest factor, up or down, between the standard deviations of generated and reference subjects of the
same age, sex and head size. It fails when a structure differs after correction over all of them; it passes
when the largest deviation exceeds that of two halves of the reference, at the same n, by less than the
margin: the largest of many is large by chance too. A few failed segmentations of one structure widen its
spread.
"""

import numpy as np

from plausibrain.analysis.difference_maps import SPREAD
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.structure_maps import largest, largest_name


@headline(
    label="Spread of regional volumes, worst structure",
    unit="factor",
    question=3,
    ideal=1.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.spread_margin - 1),
    sentence="Largest deviation of variability: {which}, by a factor of {estimate}.",
    needs=(),
    against_null=True,
    bounds=(1.0, np.inf),
    assumes=("shared ages", "joint"),
    which=lambda pair: largest_name(pair, SPREAD),
    structures=SPREAD,
)
def spread_worst(pair: Pair) -> np.ndarray:
    """Return the largest ratio of residual standard deviations or its inverse, at least 1, (B,)."""
    return np.exp(largest(pair, SPREAD))
