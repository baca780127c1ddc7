"""How dark the darkest white matter is: lesions, holes, and paint that missed.

Old subjects have some (small-vessel disease); in a generated image of a young one it is a fault. Noise raises
it too. A hole that is labelled as fluid counts when the brain encloses it on all sides.
"""

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import MIN_VOXELS, Tissues

#: Percentile; 0.1 % of the white matter of an adult is a ball of 5 mm radius.
DARKEST = 0.1


@measure(
    label="Darkest white matter",
    unit="contrasts",
    better="lower",
    bounds=(0.0, np.inf),
    source=("Wardlaw2013",),
    detects={"white_matter_hole": "rises", "noise": "rises", "ghosting": "rises"},
)
def dark_white_matter(tissues: Tissues) -> float:
    """Return how far the darkest 0.1 % of inner white matter lies below its median, in contrasts to cortex.

    References
    ----------
    Wardlaw et al. 2013 (key Wardlaw2013): dark white matter in T1w images of subjects.
    """
    contrast = abs(tissues.median("wm") - tissues.median("gm"))
    if contrast == 0:
        raise MeasurementError("grey and white matter have the same median")
    white = tissues.data[_inner_with_cavities(tissues)]
    if len(white) < MIN_VOXELS:
        raise MeasurementError(f"{len(white)} voxels of inner white matter; at least {MIN_VOXELS} are needed")
    return max(0.0, tissues.median("wm") - float(np.percentile(white, DARKEST))) / contrast


def _inner_with_cavities(tissues: Tissues) -> np.ndarray:
    """Inner white matter, with what lies in the brain and no structure claims, bool (I, J, K)."""
    cavities = ndimage.binary_fill_holes(tissues.brain) & ~tissues.brain
    if not cavities.any():
        return tissues.inner_wm
    return np.asarray(ndimage.binary_erosion(tissues.wm | cavities, ndimage.generate_binary_structure(3, 2)))
