"""Everybody has the brain of the mean age: sizes and spread given age are right, ageing is missing."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import fit_age_sex
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import volumes_of


@defect(
    label="Flat ageing",
    unit="share of the age effect removed",
    detects=(4, 6),
    severities=(0.25, 0.5, 1.0),
)
def flat_ageing(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Remove a share of the age effect of every structure.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Share of the age effect removed; 1 is flat.
    rng : numpy.random.Generator
        Not used: the age effect is removed, not redrawn.

    Returns
    -------
    Cohort
        With weaker ageing around the same mean.
    """
    fit = fit_age_sex(volumes_of(cohort), cohort.subjects)
    return replace(cohort, volumes=fit.volumes(age=1.0 - severity))
