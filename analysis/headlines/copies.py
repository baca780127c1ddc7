"""The share of generated images that are copies of subjects the model was trained on.

An image is called a copy when it is more like its nearest training image than 95 % of new real subjects are
to theirs (correlation of deviations from the mean brain at 8 mm, after rigid alignment). 5 % is what a
generator of new subjects reaches too. A copy that is warped, or mixed from two subjects, gets away; so does
one that only its folds would betray, which 8 mm do not show: a low share is no proof of privacy. Needs the
training images, and a reference that was not trained on.
"""

import numpy as np

from plausibrain.analysis.feature_samples import IMAGE_SPACE, chosen_extractor
from plausibrain.analysis.memorisation import CHANCE, copies_interval, find_copies, share_of_copies
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Copies of training subjects",
    unit="share",
    question=9,
    ideal=CHANCE,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.copies_margin * CHANCE),
    methods="A generated image counts as a copy when it correlates with its nearest training image (at "
    "8 mm, the mean brain removed) more than 95 % of held-out reference subjects do with "
    "theirs, after the rule of Dar et al. [@Dar2025].",
    sentence="{estimate} of the generated images are copies of training subjects (5 % among new subjects)",
    needs=("training images",),
    source=("Dar2025",),
    null=False,
    interval=copies_interval,
    fixed_scores=True,
    bounds=(0.0, 1.0),
    percent=True,
)
def copies(pair: Pair) -> np.ndarray:
    """Return the share of generated images more like a training image than 95 % of new subjects, (B,)."""
    result = find_copies(pair.frame, chosen_extractor(pair.frame, IMAGE_SPACE))
    return share_of_copies(pair, result.flagged)
