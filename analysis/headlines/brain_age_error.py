"""How well age is predicted in generated subjects, beside held-out reference subjects.

The mean absolute error of a model that was trained on the reference, at the same age and sex: the error in
generated subjects as a multiple of that in reference subjects whom the model has not seen. Above 1, volumes
carry less of the age that the table states, or something else as well; below 1, subjects are closer to the
typical brain of their age than subjects are. Ages that hardly vary make any prediction look good, so errors
are compared at equal age.
"""

import numpy as np

from plausibrain.analysis.brain_age import relative_error
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Error of predicted age",
    unit="ratio",
    question=4,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.spread_margin, frame.settings.spread_margin),
    sentence="Age is predicted from generated volumes with {estimate} times the error of held-out reference "
    "subjects",
    needs=("brain age",),
    source=("Cole2018",),
    max_splits=40,
    fixed_scores=True,
    logarithmic=True,
    assumes=("shared ages", "age with the rest"),
    bounds=(0.0, np.inf),
)
def brain_age_error(pair: Pair) -> np.ndarray:
    """Return the ratio of mean absolute errors of predicted age, (B,)."""
    return relative_error(pair)
