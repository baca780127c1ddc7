"""How far off the worst measure of image quality is: a share of good measures can hide one bad one.

In standard deviations of real images of subjects of the same age and sex. The largest of many differences is
large by chance too, so it is judged by its excess over split-half reference at the same n. A protocol that
leaves little variation between real images (one scanner, one session) makes small faults large.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.quality import quality_difference, worst_measure
from plausibrain.analysis.registry import headline


@headline(
    label="Largest difference of any quality measure",
    unit="SD",
    question=7,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.quality_margin),
    sentence="Largest difference of image quality: {which}, by {estimate} SD",
    needs=("image quality",),
    against_null=True,
    bounds=(0.0, np.inf),
    assumes=("shared ages",),
    which=worst_measure,
)
def quality_worst(pair: Pair) -> np.ndarray:
    """Return the largest absolute adjusted difference over measures, (B,)."""
    return np.fmax.reduce(np.abs(quality_difference(pair)), axis=1)
