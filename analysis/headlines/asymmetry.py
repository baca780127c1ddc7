"""How much of the real left-right asymmetry the cohort shows.

Every pair of homologous structures has a small, consistent asymmetry. The factor is 1 when the generated
cohort reproduces it, 0 when its brains are mirror images of themselves, and -1 when left and right were
exchanged, which no comparison of volumes averaged over hemispheres can notice. Part of the asymmetry is the
segmenter's own; it is in both cohorts and says nothing about the generator.
"""

import numpy as np

from plausibrain.analysis.agreement import recovered
from plausibrain.analysis.pair import Pair, Role
from plausibrain.analysis.registry import headline


@headline(
    label="Left-right asymmetry recovered",
    unit="factor",
    question=3,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.recovery_margin, frame.settings.recovery_margin),
    sentence="Left-right differences are {estimate} times those of real subjects.",
    needs=("left and right",),
)
def asymmetry(pair: Pair) -> np.ndarray:
    """Return the factor that maps real to generated mean asymmetry indices, (B,)."""
    reference, se2 = _means(pair, "reference")
    generated, _ = _means(pair, "generated")
    return recovered(reference, generated, pair.noise_copies * se2)


def _means(pair: Pair, role: Role) -> tuple[np.ndarray, np.ndarray]:
    side = pair.side(role)
    index = side.prepared.asymmetry / pair.frame.reference.asymmetry.std(axis=0)
    w = side.weights.astype(float)
    n = w.sum(axis=1, keepdims=True)
    mean = (w @ index) / n
    variance = np.maximum((w @ index**2) / n - mean**2, 0.0)
    return mean, variance / n
