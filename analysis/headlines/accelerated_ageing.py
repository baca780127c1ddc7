"""Whether models trained on generated subjects find the same accelerated ageing in an independent cohort.

The gap between patients and controls of an independent cohort (`--independent`) in brain-age difference, in
standard deviations of controls of the same age and sex: by a model trained on generated subjects less that by
one trained on as many reference subjects. 0 means that a study would have come to the same effect. It does
not say that the effect is real: both models share what the cohorts have in common, scanners and segmentation
included, and a gap between sites is a gap to both.
"""

import numpy as np

from plausibrain.analysis.independent import gap_difference
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Accelerated ageing in an independent cohort",
    unit="SD",
    question=10,
    ideal=0.0,
    better="closer",
    margin=lambda frame: (-frame.settings.margin, frame.settings.margin),
    methods="Accelerated ageing is the gap between patients and controls of an independent cohort in "
    "predicted age, adjusted for age and sex, as in the experiment of BrainSynth [@Peng2023].",
    sentence="A brain-age model trained on generated subjects finds patients {estimate} SD {direction} "
    "beside controls than one trained on reference subjects",
    needs=("independent cohort",),
    source=("Peng2023",),
    max_splits=40,
    fixed_scores=True,
    assumes=("shared ages", "joint", "age with the rest"),
    words=("younger", "older"),
)
def accelerated_ageing(pair: Pair) -> np.ndarray:
    """Return the difference of the gap between patients and controls, generated less reference, (B,)."""
    return gap_difference(pair)
