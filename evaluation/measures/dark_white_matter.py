"""Share of inner white matter that is as dark as cortex: lesions, holes, and paint that missed.

Old people have some (small-vessel disease). In a generated image of a young one it is a fault. Labels that
call a hole fluid take it out of white matter: then the volumes show it.
"""

import numpy as np

from cohorts.errors import MeasurementError
from evaluation.measuring import measure
from evaluation.tissues import MIN_VOXELS, Tissues


@measure(
    label="Dark white matter",
    unit="share",
    better="lower",
    bounds=(0.0, 1.0),
    source=("Wardlaw2013",),
    detects={"noise": "rises", "ghosting": "rises"},
)
def dark_white_matter(tissues: Tissues) -> float:
    """Return the share of inner white matter below the median of cortex.

    References
    ----------
    Wardlaw et al. 2013 (key Wardlaw2013): dark white matter in T1w images of people.
    """
    inner = tissues.data[tissues.inner_wm]
    if len(inner) < MIN_VOXELS:
        raise MeasurementError(f"{len(inner)} voxels of inner white matter; at least {MIN_VOXELS} are needed")
    return float(np.mean(inner < tissues.median("gm")))
