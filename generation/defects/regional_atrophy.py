"""One structure too small, or with a negative severity too large, in everybody; its ageing is right."""

from dataclasses import replace

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.injection import defect
from plausibrain.generation.volume_columns import move_to_csf, sided, volumes_of


@defect(label="Regional atrophy", unit="share of volume lost", detects=(2,), severities=(0.05, 0.1, 0.2))
def regional_atrophy(
    cohort: Cohort, *, severity: float, rng: np.random.Generator, structure: str = "Hippocampus"
) -> Cohort:
    """Shrink a structure on both sides; CSF takes its place, so head size stays.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3.
    severity : float
        Share of the volume lost, below 1; negative is growth.
    rng : numpy.random.Generator
        Not used: the defect is the same in everybody.
    structure : str
        Region without its side, for example ``"Thalamus"``.

    Returns
    -------
    Cohort
        With the smaller structure.

    Raises
    ------
    DataError
        If the cohort has no such structure.
    """
    volumes = volumes_of(cohort).copy()
    names = sided(volumes, structure)
    loss = severity * volumes[names]
    volumes[names] -= loss
    return replace(cohort, volumes=move_to_csf(volumes, loss.sum(axis=1)))
