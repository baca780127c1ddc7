"""How far apart the two clouds of subjects are in the space of all volumes.

The energy distance over its largest possible value, so 0 means the same distribution and 1 none in common.
Volumes are taken as deviations from what the reference predicts for the subject's age and sex, so that
another age mix is not a distance. The estimate is unbiased (pairs of a subject with itself do not count),
hence it may fall below zero by chance. With many structures the distance is mostly about size and overall
spread: a wrong correlation moves it little.
"""

import numpy as np

from plausibrain.analysis.distances import mean_distance
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Energy distance of volumes",
    unit="0 to 1",
    question=8,
    ideal=0.0,
    better="lower",
    margin=None,
    methods="The energy distance [@Szekely2013] compares the joint distribution of all volumes.",
    sentence="Energy distance between the volumes of both cohorts: {estimate} of its largest possible "
    "value (0 = the same distribution)",
    source=("Szekely2013",),
    against_null=True,
    assumes=("shared ages", "joint"),
    bounds=(-1.0, 1.0),
)
def energy(pair: Pair) -> np.ndarray:
    """Return the energy coefficient 1 - (d_rr + d_gg) / (2 d_rg) of age- and sex-adjusted volumes, (B,).

    References
    ----------
    Szekely & Rizzo 2013, section 4 (key Szekely2013).
    """
    across = mean_distance(pair, "reference", "generated")
    within = mean_distance(pair, "reference", "reference") + mean_distance(pair, "generated", "generated")
    return 1 - within / (2 * across)
