"""Every head too large (or, with a negative severity, too small): a lost voxel size."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import volumes_of


@defect(label="Head size bias", unit="share of volume added", detects=(2,), severities=(0.02, 0.05, 0.1))
def head_size_bias(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Multiply every volume and head size by ``1 + severity``.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Share of volume added; negative removes.
    rng : numpy.random.Generator
        Not used: the bias is the same in everybody.

    Returns
    -------
    Cohort
        Of scaled heads; proportions stay.
    """
    return replace(cohort, volumes=volumes_of(cohort) * (1.0 + severity))
