"""WASABI with every region on the same footing: exact optimal transport between two sets of subjects.

The published number is dominated by cortex and white matter (95 % of the variance); here volumes over head
size, averaged over hemispheres, are taken in reference standard deviations after age and sex. The number is
never zero and falls with n, so it is judged by its excess over disjoint halves of the reference.

Well below the split-half reference is no better than above: subjects too much alike, or copies of it,
are cheap to reach. In many dimensions most of the cost is the distance between any two subjects: a small
excess can be a large difference of one structure.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.transport import transport_distance


@headline(
    label="WASABI, standardised",
    unit="SD²",
    question=8,
    ideal=0.0,
    better="lower",
    margin=None,
    methods="WASABI, an optimal-transport distance between cloud and cloud of regional volumes over "
    "head size [@Jafrasteh2025], is computed on standardised volumes.",
    sentence="Optimal-transport distance (WASABI, standardised): {estimate} SD²",
    source=("Jafrasteh2025",),
    against_null=True,
    max_splits=40,
    both_sides=True,
    fixed_scores=True,
    assumes=("shared ages", "joint"),
    bounds=(0.0, np.inf),
)
def wasabi(pair: Pair) -> np.ndarray:
    """Return the squared 2-Wasserstein distance of standardised regional shares, (B,)."""
    return transport_distance(pair)
