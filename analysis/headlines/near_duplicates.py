"""The share of generated images that have a near-duplicate among the generated images.

A near-duplicate is another generated subject nearer (at 8 mm, after rigid alignment) than the nearest other
subject is for 95 % of real subjects, at the same n. 5 % is what real subjects reach. Says without any
training image that a generator repeats itself. A cohort that is too uniform altogether has many
near-duplicates too, without a single exact repeat; noise added to repeats does not hide them, since 8 mm
averages it out.
"""

import numpy as np

from plausibrain.analysis.feature_samples import IMAGE_SPACE, chosen_extractor
from plausibrain.analysis.memorisation import CHANCE, near_duplicates_interval, share_of_near_duplicates
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Near-duplicates among the generated",
    unit="share",
    question=9,
    ideal=CHANCE,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.share_margin),
    methods="A generated image has a near-duplicate when another is nearer than the nearest other "
    "subject is for 95 % of reference subjects, at the same n.",
    sentence="{estimate} of the generated images have a near-duplicate among the others (5 % among "
    "reference subjects)",
    needs=("low-resolution images",),
    against_null=True,
    interval=near_duplicates_interval,
    fixed_scores=True,
    assumes=("shared ages", "joint"),
    bounds=(0.0, 1.0),
    percent=True,
)
def near_duplicates(pair: Pair) -> np.ndarray:
    """Return the share of generated images nearer to another than 95 % of real subjects are, (B,)."""
    return share_of_near_duplicates(pair, chosen_extractor(pair.frame, IMAGE_SPACE))
