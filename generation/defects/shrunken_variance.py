"""Subjects of one age and sex are too much alike: the average is right, the variety is not."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.generation.age_sex_fit import fit_age_sex
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import volumes_of


@defect(
    label="Shrunken variance",
    unit="share of the variance removed",
    detects=(3,),
    severities=(0.2, 0.35, 0.5, 0.75),
)
def shrunken_variance(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Shrink what age and sex leave of every log volume.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Share of the residual variance removed, 0 to 1.
    rng : numpy.random.Generator
        Not used: the same subjects, nearer to the mean.

    Returns
    -------
    Cohort
        With the residuals multiplied by ``sqrt(1 - severity)``.

    Raises
    ------
    DataError
        If more than all of the variance is to be removed.
    """
    if severity > 1:
        raise DataError(f"expected a share of the variance up to 1, got {severity}; lower the severity")
    fit = fit_age_sex(volumes_of(cohort), cohort.subjects)
    return replace(cohort, volumes=fit.volumes(residual=float(np.sqrt(1.0 - severity))))
