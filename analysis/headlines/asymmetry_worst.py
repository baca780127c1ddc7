"""How far off the left-right asymmetry of the worst structure is: one pair may be swapped, the rest intact.

The largest difference of a mean asymmetry index, in standard deviations of the index in the reference. It
fails when a structure differs after correction over all of them; it passes when the largest deviation
exceeds that of two halves of the reference, at the same n, by less than the margin: the largest of many is
large by chance too. The index varies little between subjects, so a small bias of a segmenter on one side
counts much.
"""

import numpy as np

from plausibrain.analysis.difference_maps import ASYMMETRY
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.structure_maps import largest, largest_name


@headline(
    label="Left-right asymmetry, worst structure",
    unit="SD",
    question=3,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.margin),
    sentence="Largest deviation of asymmetry: {which}, by {estimate} SD.",
    needs=("left and right",),
    against_null=True,
    bounds=(0.0, np.inf),
    assumes=(),
    which=lambda pair: largest_name(pair, ASYMMETRY),
    structures=ASYMMETRY,
)
def asymmetry_worst(pair: Pair) -> np.ndarray:
    """Return the largest absolute difference of a mean asymmetry index, reference SDs, (B,)."""
    return largest(pair, ASYMMETRY)
