"""How many structures the reference has and generated images lack.

A structure is lacking when it is empty or zero in more of the generated rows than of the reference rows, by
more than five percentage points and more than chance. Nothing else about it can be right, so this fails
whatever the others say, and it is named first. A segmenter that loses a small structure on some images counts
as well: the images made it do so. Columns that one table does not have at all are not lacking, but not
measured.
"""

import numpy as np

from plausibrain.analysis.lacking import lacking_interval, lacking_names, lacking_structures
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Structures that generated images lack",
    unit="structures",
    question=1,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, frame.settings.missing_margin),
    sentence="Structures that the reference has and generated images lack: {estimate}{which}",
    null=False,
    interval=lacking_interval,
    from_counts=True,
    bounds=(0.0, np.inf),
    which=lacking_names,
)
def missing_structures(pair: Pair) -> np.ndarray:
    """Return the number of lacking structures, the same in every replicate, (B,)."""
    return np.full(pair.n_replicates, float(len(lacking_structures(pair.frame))))
