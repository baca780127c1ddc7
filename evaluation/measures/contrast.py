"""Brightness of cortex beside white matter: the first thing that differs between sequences.

A generator that mixes sites lands between their contrasts. It rises with age in subjects, and depends on the
sequence more than on anything else.
"""

import numpy as np

from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import Tissues


@measure(
    label="Grey over white",
    unit="ratio",
    bounds=(0.0, np.inf),
    source=("Salat2009",),
    parts={"gm": "cortex", "csf": "ventricles"},
)
def contrast(tissues: Tissues, part: str) -> float:
    """Return the median of cortex, or of the ventricles, over the median of white matter.

    References
    ----------
    Salat et al. 2009 (key Salat2009): the ratio falls with age when taken as grey over white at the border.
    """
    return tissues.median(part) / tissues.median("wm")
