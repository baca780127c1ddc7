"""How much of the real sex difference men and women of equal head size show.

The subtle part of sex differences. It is small, hence often out of reach at a few hundred subjects: where the
reference's own map is hardly larger than its noise the number is left out rather than guessed. Head size is
measured with error, which leaves some of its effect behind; both cohorts must share the measure.
"""

import numpy as np

from plausibrain.analysis.agreement import recovered
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Sex differences recovered, given head size",
    unit="factor",
    question=5,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.recovery_margin, frame.settings.recovery_margin),
    sentence="Sex differences at equal head size are {estimate} times those of the reference",
    needs=("sex", "head size"),
    assumes=("shared ages",),
)
def sex_given_head(pair: Pair) -> np.ndarray:
    """Return the factor that maps real to generated sex differences given head size, (B,)."""
    s = len(pair.frame.structures)
    reference, se2 = pair.effect("reference", "sex", "covariate")
    generated, _ = pair.effect("generated", "sex", "covariate")
    return recovered(reference[:, :s], generated[:, :s], pair.noise_copies * se2[:, :s])
