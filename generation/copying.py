"""Rows of a cohort replaced by subjects of another one, measured again."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import nearest_by_age
from plausibrain.generation.volume_columns import share_of_rows, show_subjects_of, volumes_of

# A copy is measured again, so it is not equal to the last digit: repeat scans differ by about this share.
REPEAT_LOG_SD = 0.005


def with_copies(cohort: Cohort, source: Cohort, *, share: float, rng: np.random.Generator) -> Cohort:
    """Return a cohort in which some rows have the volumes of a subject of another one.

    Parameters
    ----------
    cohort, source : Cohort
        With volumes, mm3, of the same structures.
    share : float
        Share of rows, 0 to 1.
    rng : numpy.random.Generator
        Chooses the rows and the noise of the repeated measurement (0.5 %).

    Returns
    -------
    Cohort
        Each copied row shows the subject nearest in age of the same sex, and keeps its own age and sex.
    """
    volumes = volumes_of(cohort).copy()
    pool = volumes_of(source)[volumes.columns]
    rows = share_of_rows(len(volumes), share, rng)
    partners = nearest_by_age(cohort.subjects.iloc[rows], source.subjects)
    copies = pool.iloc[partners].to_numpy(float)
    noise = rng.standard_normal(copies.shape)
    volumes.iloc[rows] = copies * np.exp(REPEAT_LOG_SD * noise)
    return replace(cohort, subjects=show_subjects_of(cohort, rows, source, partners), volumes=volumes)
