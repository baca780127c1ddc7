"""The share of image-quality measures on which generated images are as good, and as bad, as real ones.

A measure counts when its mean, among subjects of the same age and sex, is within half a standard deviation of
real images. Better than real counts against it too: images without noise are no scans. Measures overlap
(several feel blur), so a single fault can cost several of them. Images of another scanner fail as generated
ones do: the reference must be what the model was meant to imitate.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.quality import quality_difference
from plausibrain.analysis.registry import headline


@headline(
    label="Quality measures like real scans",
    unit="share",
    question=7,
    ideal=1.0,
    better="higher",
    margin=lambda frame: (-frame.settings.share_margin, np.inf),
    sentence="{estimate} of the image-quality measures lie within ±0.5 SD of the reference",
    needs=("image quality",),
    against_null=True,
    percent=True,
    bounds=(0.0, 1.0),
    assumes=("shared ages",),
)
def quality_within(pair: Pair) -> np.ndarray:
    """Return the share of measures with an adjusted difference below the margin, (B,)."""
    return (np.abs(quality_difference(pair)) < pair.frame.settings.quality_margin).mean(axis=1)
