"""How often sex is predicted right from volumes, beside held-out reference subjects.

The balanced accuracy of a classifier that was trained on the reference: generated subjects less held-out
reference subjects. Below 0, sex shows less than in subjects; above 0, it shows more. Most of what volumes say
of sex is head size, so right heads alone come near the reference: `sex_given_head` asks for the rest. One
classifier sees one direction only; differences that it does not use do not count.
"""

import numpy as np

from plausibrain.analysis.brain_age import accuracy_difference
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Accuracy of predicted sex",
    unit="share",
    question=5,
    ideal=0.0,
    better="closer",
    margin=lambda frame: (-frame.settings.share_margin, frame.settings.share_margin),
    sentence="Sex is predicted correctly from volumes in {estimate} {direction} generated than held-out "
    "reference subjects",
    needs=("predicted sex",),
    source=("Pinaya2022",),
    max_splits=40,
    fixed_scores=True,
    assumes=("shared ages", "sex with the rest"),
    bounds=(-1.0, 1.0),
    percent=True,
    words=("fewer", "more"),
)
def sex_accuracy(pair: Pair) -> np.ndarray:
    """Return the difference of balanced accuracy of predicted sex, (B,)."""
    return accuracy_difference(pair)
