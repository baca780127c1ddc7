"""Men and women have the same brain: the difference a conditional generator must not lose."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import fit_age_sex
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import volumes_of


@defect(
    label="Missing sex effect",
    unit="share of the sex difference removed",
    detects=(5,),
    severities=(0.25, 0.5, 0.75, 1.0),
)
def missing_sex_effect(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Remove a share of the difference between men and women.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Share of the difference removed; 1 is no difference.
    rng : numpy.random.Generator
        Not used: the difference is removed, not redrawn.

    Returns
    -------
    Cohort
        With a smaller difference around the same mean.
    """
    fit = fit_age_sex(volumes_of(cohort), cohort.subjects)
    return replace(cohort, volumes=fit.volumes(sex=1.0 - severity))
