"""Men and women differ more than subjects do: a stereotype learned by the generator."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import fit_age_sex
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import volumes_of


@defect(
    label="Exaggerated sex effect",
    unit="share of the sex difference added",
    detects=(5,),
    severities=(0.25, 0.5, 1.0),
)
def exaggerated_sex_effect(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Add a share of the difference between men and women once more.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Share added; 1 doubles the difference.
    rng : numpy.random.Generator
        Not used: the difference is scaled, not redrawn.

    Returns
    -------
    Cohort
        With a larger difference around the same mean.
    """
    fit = fit_age_sex(volumes_of(cohort), cohort.subjects)
    return replace(cohort, volumes=fit.volumes(sex=1.0 + severity))
