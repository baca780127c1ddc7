"""How much of the real left-right asymmetry the cohort shows.

Every pair of homologous structures has a small, consistent asymmetry. The factor is 1 when the generated
cohort reproduces it, 0 when its brains are mirror images of themselves, and -1 when left and right were
exchanged, which no comparison of volumes averaged over hemispheres can notice. Part of the asymmetry is the
segmenter's own; it is in both cohorts and says nothing about the generator.
"""

import numpy as np

from plausibrain.analysis.agreement import recovered
from plausibrain.analysis.difference_maps import mean_asymmetry
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Left-right asymmetry recovered",
    unit="factor",
    question=3,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.recovery_margin, frame.settings.recovery_margin),
    sentence="Left-right asymmetries are {estimate} times those of the reference",
    needs=("left and right",),
)
def asymmetry(pair: Pair) -> np.ndarray:
    """Return the factor that maps real to generated mean asymmetry indices, (B,)."""
    reference, se2 = mean_asymmetry(pair, "reference")
    generated, _ = mean_asymmetry(pair, "generated")
    return recovered(reference, generated, pair.noise_copies * se2)
