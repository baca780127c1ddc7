"""White matter beside the brightest voxels of the brain.

Clipping and 8-bit savers cut the bright tail off and raise it; bright vessels, fat taken for brain, and
shading lower it. MRIQC takes the brightest voxels of the whole head (fat, eyes), which stripped images do
not have; here it is the brain alone, so its values are higher than MRIQC's 0.6 to 0.8.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import Tissues

BRIGHTEST = 99.95


@measure(
    label="White matter over the brightest brain voxels",
    unit="ratio",
    bounds=(0.0, np.inf),
    source=("Esteban2017",),
    detects={"intensity_clipping": "rises", "noise": "falls", "bias_field": "falls"},
)
def wm2max(tissues: Tissues) -> float:
    """Return the median of white matter over the 99.95th percentile of the brain.

    References
    ----------
    Esteban et al. 2017 (key Esteban2017): the code; its text says 95th percentile.
    """
    top = float(np.percentile(tissues.brain_values, BRIGHTEST))
    if top == 0:
        raise MeasurementError("the brain has no signal")
    return tissues.median("wm") / top
