"""Left and right exchanged in some subjects: invisible to the eye, wrong in every asymmetry."""

from dataclasses import replace

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.structures import homologue
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import share_of_rows, volumes_of


@defect(label="Left-right flip", unit="share of rows flipped", detects=(3,), severities=(0.1, 0.25, 1.0))
def left_right_flip(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Exchange left and right volumes in a share of the rows.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Share of rows, 0 to 1.
    rng : numpy.random.Generator
        Chooses the rows.

    Returns
    -------
    Cohort
        With exchanged volumes; midline structures stay.
    """
    volumes = volumes_of(cohort).copy()
    rows = share_of_rows(len(volumes), severity, rng)
    homologues = [mirror(name, volumes) for name in map(str, volumes.columns)]
    volumes.iloc[rows] = volumes[homologues].iloc[rows].to_numpy(float)
    return replace(cohort, volumes=volumes)


def mirror(name: str, volumes: pd.DataFrame) -> str:
    """Return the column of the other side, or the column itself where there is none."""
    other = homologue(name)
    return other if other is not None and other in volumes else name
