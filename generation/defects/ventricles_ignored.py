"""Ventricles that do not follow the volume asked for: a condition ignored, or half obeyed."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import fit_age_sex
from plausibrain.generation.injection import defect
from plausibrain.generation.norms import LATERAL_VENTRICLES
from plausibrain.generation.volume_columns import move_to_csf, volumes_of


@defect(
    label="Ventricle condition ignored",
    unit="share of the request ignored",
    detects=(6,),
    severities=(0.25, 0.5, 1.0),
)
def ventricles_ignored(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Mix each subject's ventricles with somebody else's, keeping mean, spread, ageing and sex difference.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3; what was asked for stays in its subjects.
    severity : float
        Share ignored: the slope of measured on requested (given age and sex, log scale) is 1 - severity.
    rng : numpy.random.Generator
        Chooses whose ventricles are mixed in.

    Returns
    -------
    Cohort
        With other lateral and inferior lateral ventricles; CSF closes the head.

    Notes
    -----
    With own and other residuals e and f of equal variance, ``(1 - s) e + sqrt(1 - (1 - s)^2) f`` has it too.
    """
    volumes = volumes_of(cohort).copy()
    names = [name for name in LATERAL_VENTRICLES if name in volumes]
    fit = fit_age_sex(volumes[names], cohort.subjects)
    other = fit.residual.iloc[rng.permutation(len(volumes))].set_index(fit.residual.index)
    share = 1.0 - severity
    mixture = replace(fit, residual=share * fit.residual + np.sqrt(1.0 - share**2) * other).volumes()
    loss = (volumes[names] - mixture).sum(axis=1)
    volumes[names] = mixture
    return replace(cohort, volumes=move_to_csf(volumes, loss))
