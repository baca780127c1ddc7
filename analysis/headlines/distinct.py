"""How far generated subjects are from each other: different subjects, or a few subjects many times.

The median distance of a generated subject to the nearest other generated subject, over the same for real
subjects at the same n. 1: as different from each other as real subjects; 0: each has a near-duplicate in the
cohort. A cohort that is too spread out is far apart too, so the number is to be read beside the spread; and
volumes cannot show that two subjects of equal volumes have different folds.
"""

import numpy as np

from plausibrain.analysis.distances import nearest_distance_medians
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Distance to the nearest other subject",
    unit="ratio",
    question=8,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.spread_margin - 1, frame.settings.spread_margin - 1),
    sentence="The distance of a generated subject to its nearest neighbour is {estimate} times that in the "
    "reference",
    against_null=True,
    fixed_scores=True,
    logarithmic=True,
    assumes=("shared ages", "joint"),
    bounds=(0.0, np.inf),
)
def distinct(pair: Pair) -> np.ndarray:
    """Return the ratio of median nearest-neighbour distances, generated over reference, (B,)."""
    reference, generated = nearest_distance_medians(pair)
    return generated / reference
