"""How much regional volumes vary beside real ones, among subjects of the same age, sex and head size.

The geometric mean over structures of the ratio of standard deviations. Generators tend to under-disperse:
they draw the middle of the population again and again. Noise of a segmenter that struggles with generated
images adds spread and can make up for what is missing, and structures that vary too much hide others that
vary too little.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.spread_ratio import log_sd_ratio


@headline(
    label="Spread of regional volumes, typical structure",
    unit="ratio of SDs",
    question=3,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.spread_margin, frame.settings.spread_margin),
    sentence="The standard deviation of a typical structure is {estimate} of that in the reference (1 = "
    "the same)",
    logarithmic=True,
    lognormal=True,
    assumes=("shared ages", "joint"),
    bounds=(0.0, np.inf),
)
def spread_structures(pair: Pair) -> np.ndarray:
    """Return the geometric mean of the ratios of residual standard deviations, (B,)."""
    s = len(pair.frame.structures)
    return np.exp(log_sd_ratio(pair, pair.frame.headsize)[:, :s].mean(axis=1))
