"""The difference in head size: everything else is read against it, so it is tested first.

Adjusted for age and sex. A generator that makes every head 5 % too small passes any test on shares of head
size. Measured head size depends on the field of view: a crop of the images looks like a small head.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Head size (TIV), difference",
    unit="SD",
    question=2,
    ideal=0.0,
    better="closer",
    margin=lambda frame: (-frame.settings.margin_of("TIV"), frame.settings.margin_of("TIV")),
    sentence="Head size (TIV) is {estimate} SD {direction} than in reference subjects of the same age and "
    "sex",
    words=("smaller", "larger"),
    needs=("head size",),
    assumes=("shared ages",),
)
def size_head(pair: Pair) -> np.ndarray:
    """Return the adjusted difference of head size in reference standard deviations, (B,)."""
    return pair.difference("none")[:, -1]
