"""How much of the real sex difference the cohort shows, head size included.

The factor by which the generated map of sex differences scales the real one, adjusted for age, not for head
size. Most of it is head size: a generator with the right heads and no sex difference beyond them does well.
Its companion `sex_given_head` asks for the rest.
"""

import numpy as np

from plausibrain.analysis.agreement import recovered
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Sex differences recovered, raw volumes",
    unit="factor",
    question=5,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.recovery_margin, frame.settings.recovery_margin),
    sentence="Raw sex differences are {estimate} times those of the reference",
    needs=("sex",),
    assumes=("shared ages", "sex with the rest"),
)
def sex_raw(pair: Pair) -> np.ndarray:
    """Return the factor that maps real to generated raw sex differences, (B,)."""
    reference, se2 = pair.effect("reference", "sex", "none")
    generated, _ = pair.effect("generated", "sex", "none")
    return recovered(reference, generated, pair.noise_copies * se2)
