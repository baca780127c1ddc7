"""A few distinct subjects, repeated: each is plausible, together they cover little of the population."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import nearest_by_age
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import show_subjects_of, volumes_of


@defect(label="Mode collapse", unit="rows per distinct subject", detects=(3, 8), severities=(2.0, 4.0, 20.0))
def mode_collapse(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Give every row the volumes of one of n / severity subjects, the nearest in age of the same sex.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Rows per distinct subject: 200 rows at 10 hold 20 subjects. Up to 1, nothing collapses.
    rng : numpy.random.Generator
        Chooses the subjects who remain.

    Returns
    -------
    Cohort
        With repeated volumes; the subjects keep their own age and sex, and show the subject repeated.
    """
    volumes = volumes_of(cohort)
    n_modes = int(np.ceil(len(volumes) / max(1.0, severity)))
    modes = rng.permutation(len(volumes))[:n_modes]
    partners = (
        modes[nearest_by_age(cohort.subjects, cohort.subjects.iloc[modes])]
        if severity > 1
        else np.arange(len(volumes))
    )
    subjects = show_subjects_of(cohort, np.arange(len(volumes)), cohort, partners)
    return replace(cohort, subjects=subjects, volumes=volumes.iloc[partners].set_index(volumes.index))
