"""How many more images than in the reference are implausible as scans of a human brain.

Every segmented image is checked with its labels (`plausibrain.evaluation.plausibility`): blur, patchworks,
holes, cut brains, impossible volumes and places. Flagged images stay in the analysis, so that a generator is
not improved by leaving its failures out; this says how many they are. Real scans are flagged at times, so the
reference is counted by the same checks.
"""

import numpy as np

from plausibrain.analysis.exclusion import implausible_difference, implausible_interval
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Implausible images, beyond the reference",
    unit="share",
    question=1,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.exclusion_margin),
    sentence="Images flagged as implausible: {estimate} {direction} in the generated cohort than in the "
    "reference",
    words=("fewer", "more"),
    interval=implausible_interval,
    from_counts=True,
    needs=("plausibility",),
    percent=True,
    source=("Newcombe1998",),
    bounds=(-1.0, 1.0),
)
def implausible_share(pair: Pair) -> np.ndarray:
    """Return the share of images flagged as implausible, generated minus reference, (B,)."""
    return implausible_difference(pair)
