"""Brains that look older than their age: ageing, spread and sex differences are right, the clock is wrong."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import fit_age_sex
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import volumes_of


@defect(
    label="Brains older than their age",
    unit="years",
    detects=(4,),
    severities=(2.0, 5.0, 10.0),
)
def older_brains(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Give everybody the volumes that the cohort has some years later.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Years; the curve over age (of log volume, with its square) goes on beyond the oldest subject.
    rng : numpy.random.Generator
        Not used: the defect is the same in everybody.

    Returns
    -------
    Cohort
        With older volumes; the subjects keep their own age and sex.
    """
    fit = fit_age_sex(volumes_of(cohort), cohort.subjects)
    age = cohort.subjects["age"].to_numpy(float)
    # `fit.age` is a parabola of age, so that three coefficients describe it exactly.
    curves = np.polyfit(age - age.mean(), fit.age.to_numpy(float), 2)
    basis = np.vander(age - age.mean(), 3)
    later = np.vander(age - age.mean() + severity, 3)
    return replace(cohort, volumes=fit.volumes() * np.exp((later - basis) @ curves))
