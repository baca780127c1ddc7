"""Whether generated subjects add to a small real training set what as many further real subjects add.

The mean absolute error of brain age on held-out reference subjects after training on a block of reference
subjects and generated ones, over that after training on the block and as many further reference subjects
(`plausibrain.analysis.usefulness`). 1 means that a generated subject adds as much information as a real one.
Copies of the training subjects add nothing: the ratio is then what new subjects would have gained, about 1.2
where ages are well predicted. Where further real subjects gain nothing either, everything is near 1; the
table of learning curves shows that gain.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.usefulness import ratio


@headline(
    label="Error after adding generated subjects",
    unit="ratio",
    question=10,
    ideal=1.0,
    better="lower",
    margin=lambda frame: (-np.inf, 1 + frame.settings.utility_margin),
    methods="Augmentation is judged beside as many further real subjects, not beside the smaller training "
    "set: a set that only grows gains nothing by this measure.",
    sentence="A brain-age model trained on 25 reference subjects and generated ones has {estimate} times the "
    "error of one trained on these and as many further reference subjects",
    needs=("usefulness",),
    source=("Peng2023",),
    max_splits=40,
    fixed_scores=True,
    assumes=("shared ages", "joint", "age with the rest"),
    bounds=(0.0, np.inf),
)
def utility_added(pair: Pair) -> np.ndarray:
    """Return the error after adding generated subjects over that after adding real ones, (B,)."""
    return ratio(pair, "with_generated", "with_real")
