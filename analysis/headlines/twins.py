"""The share of generated images that have a twin among the generated images.

A twin is another generated person nearer (at 8 mm, after rigid alignment) than the nearest other person is
for 95 % of real people, at the same n. 5 % is what real people reach. Says without any training image that
a generator repeats itself. A cohort that is too uniform altogether has many twins too, without a single
exact repeat; noise added to repeats does not hide them, since 8 mm averages it out.
"""

import numpy as np

from plausibrain.analysis.clouds import IMAGE_SPACE, chosen_extractor
from plausibrain.analysis.memorisation import CHANCE, share_of_twins, twins_interval
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Twins among the generated",
    unit="share",
    question=9,
    ideal=CHANCE,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.share_margin),
    sentence="{estimate} of the generated images have a twin among the others.",
    needs=("low-resolution images",),
    against_null=True,
    interval=twins_interval,
    fixed_scores=True,
    assumes=("shared ages", "joint"),
    bounds=(0.0, 1.0),
    percent=True,
)
def twins(pair: Pair) -> np.ndarray:
    """Return the share of generated images nearer to another than 95 % of real people are, (B,)."""
    return share_of_twins(pair, chosen_extractor(pair.frame, IMAGE_SPACE))
