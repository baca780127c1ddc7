"""How much of real ageing the cohort shows.

The factor by which the generated map of age slopes over structures scales the real one: linear trends per
decade over the ages that both cohorts cover, adjusted for sex and head size, in standard deviations of the
reference, so that small structures count like large ones. One factor can hide structures that age the wrong
way if others make up for it: see the concordance and the table of structures. Where hardly any ages are
shared, it rests on few subjects. Structures whose ageing the segmenter does not measure are left out.
"""

import numpy as np

from plausibrain.analysis.agreement import recovered
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.withheld_ageing import judged_structures


@headline(
    label="Age effects recovered",
    unit="factor",
    question=4,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.recovery_margin, frame.settings.recovery_margin),
    sentence="Ageing slopes are {estimate} times those of the reference",
    needs=("age",),
    assumes=("shared ages", "age with the rest"),
)
def ageing(pair: Pair) -> np.ndarray:
    """Return the factor that maps real to generated age slopes, (B,)."""
    columns = np.flatnonzero(judged_structures(pair.frame))
    reference, se2 = pair.effect("reference", "age", pair.frame.headsize)
    generated, _ = pair.effect("generated", "age", pair.frame.headsize)
    return recovered(reference[:, columns], generated[:, columns], pair.noise_copies * se2[:, columns])
