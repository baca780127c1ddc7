"""Signal over spread of each tissue.

The spread holds noise, shading and true differences within a tissue (myelination, partial volume), so the
number of a perfect image is finite, and blur raises it. Compare it with real images only.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import Tissues

_TISSUES = ("csf", "gm", "wm")


@measure(
    label="Signal-to-noise ratio",
    better="higher",
    bounds=(0.0, np.inf),
    source=("Esteban2017",),
    parts={"wm": "white matter", "gm": "grey matter", "csf": "ventricles", "total": "mean of the three"},
    detects={"noise": "falls", "bias_field": "falls", "ghosting": "falls"},
)
def snr(tissues: Tissues, part: str) -> float:
    """Return median over standard deviation (n - 1) of a tissue, or the mean over the three tissues.

    Notes
    -----
    As MRIQC computes it: the median where its text says mean. A soft segmentation weights voxels; labels
    weigh them all alike.

    References
    ----------
    Esteban et al. 2017 (key Esteban2017).
    """
    classes = _TISSUES if part == "total" else (part,)
    return float(np.mean([_of(tissues, tissue) for tissue in classes]))


def _of(tissues: Tissues, tissue: str) -> float:
    sd = float(tissues.values(tissue).std(ddof=1, dtype=np.float64))
    if sd == 0:
        raise MeasurementError("a tissue has one grey value everywhere")
    return tissues.median(tissue) / sd
