"""How much heads vary in size beside real ones, among subjects of the same age and sex.

Generators trained on skull-stripped or cropped images tend to draw heads of one size. A few misregistered
or badly segmented images can hide that: they widen the spread without adding subjects. Look at the tails in
the table as well.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.spread_ratio import log_sd_ratio


@headline(
    label="Spread of head size (TIV)",
    unit="ratio of SDs",
    question=3,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.spread_margin, frame.settings.spread_margin),
    sentence="The standard deviation of head size (TIV) is {estimate} of that in the reference (1 = the "
    "same)",
    needs=("head size",),
    logarithmic=True,
    lognormal=True,
    bounds=(0.0, np.inf),
    assumes=("shared ages",),
)
def spread_head(pair: Pair) -> np.ndarray:
    """Return the ratio of residual standard deviations of head size, generated over reference, (B,)."""
    return np.exp(log_sd_ratio(pair, "none")[:, -1])
