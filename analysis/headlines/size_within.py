"""The share of structures with a small difference, |d| < 0.2: the headline of BrainSynth.

The number means nothing without n: two halves of the same 100 subjects already fail a third of their
structures. It is therefore judged by how far it falls below the same share in the split-half reference. It
counts structures alike, whether they miss by a hair or by a mile: see the largest difference.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Structures within 0.2 SD",
    unit="share",
    question=2,
    ideal=1.0,
    better="higher",
    margin=lambda frame: (-frame.settings.share_margin, np.inf),
    methods="The share of structures within 0.2 standard deviations follows BrainSynth’s claim that "
    "more than half of all regions differ by a small effect [@Peng2023].",
    sentence="{estimate} of the structures lie within ±0.2 SD of the reference",
    source=("Peng2023",),
    against_null=True,
    percent=True,
    bounds=(0.0, 1.0),
    assumes=("shared ages",),
)
def size_within(pair: Pair) -> np.ndarray:
    """Return the share of structures with an adjusted difference below the margin, (B,)."""
    d = pair.difference(pair.frame.headsize)[:, : len(pair.frame.structures)]
    return (np.abs(d) < pair.frame.settings.margin).mean(axis=1)
