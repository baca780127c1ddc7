"""How much regional volumes vary beside real ones, among subjects of the same age, sex and head size.

The geometric mean over structures of the ratio of standard deviations. Generators tend to under-disperse:
they draw the middle of the population again and again. Noise of a segmenter that struggles with generated
images adds spread and can make up for what is missing, and structures that vary too much hide others that
vary too little.
"""

import numpy as np

from plausibrain.analysis.pair import ROLES, Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Spread of regional volumes, typical structure",
    unit="ratio of SDs",
    question=3,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.spread_margin, frame.settings.spread_margin),
    sentence="A typical structure varies {estimate} times as much as in comparable real subjects.",
    logarithmic=True,
    assumes=("shared ages", "joint"),
    bounds=(0.0, np.inf),
)
def spread_structures(pair: Pair) -> np.ndarray:
    """Return the geometric mean of the ratios of residual standard deviations, (B,)."""
    s = len(pair.frame.structures)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log(pair.residual_sd(role, pair.frame.headsize)[:, :s]) for role in ROLES]
        return np.exp((logs[1] - logs[0]).mean(axis=1))
