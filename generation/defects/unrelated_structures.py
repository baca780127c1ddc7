"""Structures that vary each for itself: right mean and spread, wrong covariance and allometry."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import fit_age_sex
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import volumes_of


@defect(
    label="Unrelated structures",
    unit="share of the covariance removed",
    detects=(3,),
    severities=(0.1, 0.25, 0.5, 1.0),
)
def unrelated_structures(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Mix each structure's residual with that of a subject drawn anew for every structure.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Share of every covariance between structures removed, 0 to 1.
    rng : numpy.random.Generator
        Chooses whose residuals are mixed in.

    Returns
    -------
    Cohort
        With residuals ``sqrt(1 - s) own + sqrt(s) other``: the variance stays, covariances shrink by ``1 -
        s``.
    """
    fit = fit_age_sex(volumes_of(cohort), cohort.subjects)
    own = fit.residual.to_numpy(float)
    other = rng.permuted(own, axis=0)
    mixture = np.sqrt(1.0 - severity) * own + np.sqrt(severity) * other
    residual = fit.residual.copy()
    residual[:] = np.where(np.isnan(mixture), own, mixture)
    return replace(cohort, volumes=replace(fit, residual=residual).volumes())
