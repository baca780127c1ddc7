"""The share of generated images that would stand out among real scans: image by image, not on average.

An image stands out when the measure on which it is most unusual for a subject of that age and sex is more
unusual than the worst measure of 95 % of the real images. So 5 % of real images stand out, and of generated
ones as many if they are like them. An average can be right while half of the images are too smooth and half
too noisy; this sees it. Spread that is too small it does not see.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.quality import USUAL, unusualness, weighted_quantile
from plausibrain.analysis.registry import headline


@headline(
    label="Images that stand out",
    unit="share",
    question=7,
    ideal=1 - USUAL,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.share_margin),
    sentence="{estimate} of the generated images have a quality measure beyond what 95 % of reference "
    "images have",
    needs=("image quality",),
    against_null=True,
    percent=True,
    bounds=(0.0, 1.0),
    assumes=("shared ages",),
)
def odd_images(pair: Pair) -> np.ndarray:
    """Return the share of generated images beyond the 95th percentile of the reference, (B,)."""
    limit = weighted_quantile(unusualness(pair, "reference"), pair.reference.weights, USUAL)
    beyond = unusualness(pair, "generated")[None] > limit[:, None]
    weights = pair.generated.weights.astype(float)
    return (weights * beyond).sum(axis=1) / weights.sum(axis=1)
