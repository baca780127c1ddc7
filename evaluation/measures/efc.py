"""Entropy of the grey values inside the brain: how evenly the energy is spread over voxels.

Motion and ghosts spread energy from bright to dark voxels. MRIQC takes the whole field of view, where an
empty background counts as perfectly focused; here both cohorts are measured inside the brain, so values are
closer to 1 than MRIQC's and not comparable with them.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import MIN_VOXELS, Tissues


@measure(
    label="Entropy focus criterion, in the brain",
    better="lower",
    bounds=(0.0, 1.0 + 1e-9),
    source=("Atkinson1997",),
    detects={"blur": "rises"},
)
def efc(tissues: Tissues) -> float:
    """Return the entropy of the grey values over the entropy of an even image of as many voxels.

    Notes
    -----
    With b the root of the summed squares and n voxels: sum (x / b) ln(x / b) / (sqrt(n) ln(1 / sqrt(n))).

    References
    ----------
    Atkinson et al. 1997, equation 3 (key Atkinson1997).
    """
    return entropy_focus(tissues.brain_values)


def entropy_focus(values: np.ndarray) -> float:
    """Return the criterion of some grey values, none of them negative."""
    n = len(values)
    energy = float(np.sqrt(np.sum(np.square(values, dtype=np.float64))))
    if n < MIN_VOXELS or energy == 0:
        raise MeasurementError(f"{n} brain voxels with {'no' if energy == 0 else 'some'} signal")
    share = values[values > 0].astype(np.float64) / energy
    return float(np.sum(share * np.log(share)) / (np.sqrt(n) * np.log(1 / np.sqrt(n))))
