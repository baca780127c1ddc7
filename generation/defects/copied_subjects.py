"""Subjects taken from the training set: perfect anatomy that is nobody new."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import nearest_by_age
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import share_of_rows, show_subjects_of, volumes_of

# A copy is measured again, so it is not equal to the last digit: repeat scans differ by about this share.
REPEAT_LOG_SD = 0.005


@defect(
    label="Copied training subjects",
    unit="share of rows copied",
    detects=(9,),
    severities=(0.05, 0.1, 0.25, 0.5),
)
def copied_subjects(cohort: Cohort, training: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Replace a share of rows by the training subject nearest in age of the same sex.

    Parameters
    ----------
    cohort, training : Cohort
        With volumes, mm3, of the same structures.
    severity : float
        Share of rows, 0 to 1.
    rng : numpy.random.Generator
        Chooses the rows and the noise of the repeated measurement (0.5 %).

    Returns
    -------
    Cohort
        With copied volumes; the subjects keep their own age and sex.
    """
    volumes = volumes_of(cohort).copy()
    pool = volumes_of(training)[volumes.columns]
    rows = share_of_rows(len(volumes), severity, rng)
    chosen = nearest_by_age(cohort.subjects.iloc[rows], training.subjects)
    source = pool.iloc[chosen].to_numpy(float)
    noise = rng.standard_normal(source.shape)
    volumes.iloc[rows] = source * np.exp(REPEAT_LOG_SD * noise)
    return replace(cohort, subjects=show_subjects_of(cohort, rows, training, chosen), volumes=volumes)
