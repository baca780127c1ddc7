"""How far off the size of the worst structure is: a share of good structures can hide one bad one.

The largest of many differences is large by chance too, and the larger the more structures there are, so it
is judged by its excess over split-half reference at the same n. Small structures that the segmenter measures
badly often win; the table of structures says which one it is.
"""

import numpy as np

from plausibrain.analysis.difference_maps import SIZE
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.structure_maps import largest, largest_name


@headline(
    label="Largest difference of any structure",
    unit="SD",
    question=2,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.margin),
    sentence="Largest bias: {which}, by {estimate} SD.",
    against_null=True,
    bounds=(0.0, np.inf),
    assumes=("shared ages",),
    which=lambda pair: largest_name(pair, SIZE),
    structures=SIZE,
)
def size_worst(pair: Pair) -> np.ndarray:
    """Return the largest absolute adjusted difference over structures, (B,)."""
    return largest(pair, SIZE)
