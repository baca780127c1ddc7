"""People taken from the training set: perfect anatomy that is nobody new."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import nearest_by_age
from plausibrain.generation.planting import control
from plausibrain.generation.volume_columns import share_of_rows, show_people_of, volumes_of

# A copy is measured again, so it is not equal to the last digit: repeat scans differ by about this share.
REPEAT_LOG_SD = 0.005


@control(
    label="Copied training people",
    unit="share of rows copied",
    detects=(9,),
    severities=(0.05, 0.1, 0.25, 0.5),
)
def copied_people(cohort: Cohort, training: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Replace a share of rows by the training person nearest in age of the same sex.

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
        With copied volumes; the people keep their own age and sex.
    """
    volumes = volumes_of(cohort).copy()
    pool = volumes_of(training)[volumes.columns]
    rows = share_of_rows(len(volumes), severity, rng)
    chosen = nearest_by_age(cohort.people.iloc[rows], training.people)
    source = pool.iloc[chosen].to_numpy(float)
    noise = rng.standard_normal(source.shape)
    volumes.iloc[rows] = source * np.exp(REPEAT_LOG_SD * noise)
    return replace(cohort, people=show_people_of(cohort, rows, training, chosen), volumes=volumes)
