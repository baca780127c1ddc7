"""The share of generated rows whose volumes are those of a reference subject, to the last digit.

Two images of different subjects do not have equal volumes in several structures. A cohort with such rows
holds the reference itself, in part or whole, and nothing that compares the two can be trusted. Equal subject
ids alone do not count: images that were generated for the rows of the reference's own table carry its ids.
Copies that were segmented anew, or changed at all, are not found here but by their images.
"""

import numpy as np

from plausibrain.analysis.identical_rows import identical_interval, identical_rows
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Rows of the reference among the generated",
    unit="share",
    question=9,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.identical_margin),
    sentence="{estimate} of the generated rows are rows of the reference, to the last digit",
    needs=("identical rows",),
    null=False,
    interval=identical_interval,
    from_counts=True,
    bounds=(0.0, 1.0),
    percent=True,
)
def reference_copies(pair: Pair) -> np.ndarray:
    """Return the share of generated rows that equal a reference row, the same in every replicate, (B,)."""
    return np.full(pair.n_replicates, float(identical_rows(pair.frame).mean()))
