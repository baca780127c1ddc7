"""Subjects taken from the training set: perfect anatomy that is nobody new."""

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.copying import with_copies
from plausibrain.generation.injection import defect


@defect(
    label="Copied training subjects",
    unit="share of rows copied",
    detects=(9,),
    severities=(0.1, 0.5),
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
    return with_copies(cohort, training, share=severity, rng=rng)
