"""How many more subjects than in the reference had to be left out.

Rows without usable volumes: failed segmentations, missing structures, implausible values. A model that
fails on old brains looks good once they are gone, so this stands before everything else. A reference that
was cleaned by hand before it was published has no exclusions left to compare with.
"""

import numpy as np

from plausibrain.analysis.exclusion import exclusion_difference, exclusion_interval
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Excluded, beyond the reference",
    unit="share",
    question=1,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.exclusion_margin),
    methods="Shares of excluded rows are compared with Newcombe’s hybrid score interval [@Newcombe1998].",
    sentence="Excluded rows: {estimate} {direction} in the generated cohort than in the reference",
    words=("fewer", "more"),
    interval=exclusion_interval,
    from_counts=True,
    percent=True,
    source=("Newcombe1998",),
    bounds=(-1.0, 1.0),
)
def excluded_share(pair: Pair) -> np.ndarray:
    """Return the share of excluded rows, generated minus reference, (B,)."""
    return exclusion_difference(pair)
