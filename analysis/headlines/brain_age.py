"""Whether generated subjects look as old as reference subjects of their age: the brain-age difference.

A model trained on the reference predicts age from volumes (`plausibrain.analysis.prediction`). The number is
the mean predicted age of generated subjects less that of held-out reference subjects of the same age and sex,
in standard deviations of the predicted ages of such subjects: smooth images with small ventricles look young.
It mixes all volumes into one number, so errors that point to young and to old can cancel; and it says nothing
of how age is followed, which `conditioning_age` does.
"""

import numpy as np

from plausibrain.analysis.brain_age import standardised_gap
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Brain-age difference",
    unit="SD",
    question=4,
    ideal=0.0,
    better="closer",
    margin=lambda frame: (-frame.settings.margin, frame.settings.margin),
    sentence="Predicted from their volumes, generated subjects are {estimate} SD {direction} than reference "
    "subjects of the same age",
    needs=("brain age",),
    source=("Cole2018", "Butler2021"),
    max_splits=40,
    fixed_scores=True,
    assumes=("shared ages", "age with the rest"),
    words=("younger", "older"),
)
def brain_age(pair: Pair) -> np.ndarray:
    """Return the adjusted difference of predicted age in standard deviations, (B,)."""
    return standardised_gap(pair)
