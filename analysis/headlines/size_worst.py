"""How much the structure that differs most differs: a share of good structures can hide one bad one.

The largest of many differences is large by chance too, and the larger the more structures there are, so it
is judged by its excess over split-half reference at the same n. Small structures that the segmenter measures
badly often win; the table of structures says which one it is.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Largest difference of any structure",
    unit="SD",
    question=2,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.margin),
    sentence="The structure that differs most differs by {estimate} standard deviations.",
    against_null=True,
    bounds=(0.0, np.inf),
    assumes=("shared ages",),
)
def size_worst(pair: Pair) -> np.ndarray:
    """Return the largest absolute adjusted difference over structures, (B,)."""
    d = pair.difference(pair.frame.headsize)[:, : len(pair.frame.structures)]
    return np.fmax.reduce(np.abs(d), axis=1)
