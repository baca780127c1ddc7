"""What a brain-age model loses when it is trained on generated instead of as many real subjects.

The mean absolute error on held-out reference subjects after training on a few generated subjects, over that
after training on as many subjects of the reference that were chosen in the same way
(`plausibrain.analysis.usefulness`). 1 means that a generated subject teaches as much as a real one. It is
about volumes and age alone: a cohort may be useful for this and for nothing else. Ages that hardly vary leave
nothing to predict, and the ratio stays near 1 whatever was generated.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.usefulness import ratio


@headline(
    label="Error after training on generated subjects",
    unit="ratio",
    question=10,
    ideal=1.0,
    better="lower",
    margin=lambda frame: (-np.inf, 1 + frame.settings.utility_margin),
    methods="Usefulness is judged by the error of a ridge regression of age on volumes, trained on few "
    "subjects at a time and tested on the rest of the reference; generated subjects that resemble a tested "
    "subject most are kept out of its training.",
    sentence="A brain-age model trained on generated subjects has {estimate} times the error of one "
    "trained on as many reference subjects",
    needs=("usefulness",),
    source=("Peng2023",),
    max_splits=40,
    fixed_scores=True,
    assumes=("shared ages", "joint", "age with the rest"),
    bounds=(0.0, np.inf),
)
def utility_only(pair: Pair) -> np.ndarray:
    """Return the error after training on generated subjects over that on as many real ones, (B,)."""
    return ratio(pair, "generated_only", "real_only")
