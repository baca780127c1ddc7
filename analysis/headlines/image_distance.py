"""How far apart the images of the two cohorts are, as a network for brain anatomy sees them.

The kernel distance (KID's kernel, unbiased, so it may fall below zero by chance) of features of our
segmentation network, adjusted for age and sex. It stands where papers put the Fréchet distance, which needs
thousands of images; that one is in the tables. The network looks past contrast and noise, so a wrong look
of good anatomy moves it little, and it sees what volumes do not: shape and position. Another network gives
another number.
"""

import numpy as np

from plausibrain.analysis.feature_samples import FEATURE_SPACE, chosen_extractor
from plausibrain.analysis.kernels import cubic, discrepancy
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Kernel distance of image features",
    unit="squared discrepancy",
    question=8,
    ideal=0.0,
    better="lower",
    margin=None,
    methods="The kernel distance [@Binkowski2018] compares features of our segmentation network, taken "
    "from brains that were aligned rigidly by the centres of their structures [@Kabsch1976], "
    "cut out of the head and set to one grey scale; they are adjusted for age and sex.",
    sentence="Kernel distance (KID) of image features ({which}): {estimate} (about 0 = indistinguishable)",
    needs=("image features",),
    source=("Binkowski2018",),
    against_null=True,
    assumes=("shared ages", "joint"),
    which=lambda pair: chosen_extractor(pair.frame, FEATURE_SPACE),
)
def image_distance(pair: Pair) -> np.ndarray:
    """Return the squared discrepancy of adjusted features under the kernel (x.y / d + 1)³, (B,)."""
    name = chosen_extractor(pair.frame, FEATURE_SPACE)
    return discrepancy(pair, name, cubic(pair, name, "adjusted"))
