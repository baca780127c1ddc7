"""A few distinct people, repeated: each is plausible, together they cover little of the population."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.age_sex_fit import nearest_by_age
from plausibrain.generation.planting import control
from plausibrain.generation.volume_columns import show_people_of, volumes_of


@control(
    label="Mode collapse", unit="rows per distinct person", detects=(3, 8), severities=(2.0, 4.0, 10.0, 20.0)
)
def mode_collapse(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Give every row the volumes of one of n / severity people, the nearest in age of the same sex.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Rows per distinct person: 200 rows at 10 hold 20 people. Up to 1, nothing collapses.
    rng : numpy.random.Generator
        Chooses the people who remain.

    Returns
    -------
    Cohort
        With repeated volumes; the people keep their own age and sex, and show the person repeated.
    """
    volumes = volumes_of(cohort)
    n_modes = int(np.ceil(len(volumes) / max(1.0, severity)))
    kept = rng.permutation(len(volumes))[:n_modes]
    chosen = (
        kept[nearest_by_age(cohort.people, cohort.people.iloc[kept])]
        if severity > 1
        else np.arange(len(volumes))
    )
    people = show_people_of(cohort, np.arange(len(volumes)), cohort, chosen)
    return replace(cohort, people=people, volumes=volumes.iloc[chosen].set_index(volumes.index))
