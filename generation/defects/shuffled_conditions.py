"""Subjects with somebody else's age and sex: conditions lost, or a table joined wrongly."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.requested_volumes import REQUESTED_VOLUMES
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import share_of_rows

CONDITIONS = (
    "age",
    "sex",
    "requested_age",
    "requested_sex",
    *REQUESTED_VOLUMES,
)


@defect(
    label="Shuffled conditions",
    unit="share of rows shuffled",
    detects=(4, 5, 6),
    severities=(0.1, 0.25, 0.5, 1.0),
)
def shuffled_conditions(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Permute the conditions among a share of the rows; the brains stay.

    Parameters
    ----------
    cohort : Cohort
        Any.
    severity : float
        Share of rows, 0 to 1.
    rng : numpy.random.Generator
        Chooses the rows and their order.

    Returns
    -------
    Cohort
        With the same subjects table, in another order where shuffled.
    """
    subjects = cohort.subjects.copy()
    rows = share_of_rows(len(subjects), severity, rng)
    positions = [j for j, name in enumerate(subjects.columns) if name in CONDITIONS]
    subjects.iloc[rows, positions] = subjects.iloc[rng.permutation(rows), positions].to_numpy()
    return replace(cohort, subjects=subjects)
