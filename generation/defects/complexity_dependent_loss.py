"""Cortex that is lost where it is most folded: what a blur that grows with complexity does to volumes."""

from dataclasses import replace

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.injection import defect
from plausibrain.generation.parcels import complexity_ranks
from plausibrain.generation.volume_columns import move_to_csf, sided, volumes_of


@defect(
    label="Cortex lost where it is folded",
    unit="share of the most folded parcel lost",
    detects=(2,),
    severities=(0.05, 0.1, 0.2),
    sections=("complexity",),
)
def complexity_dependent_loss(cohort: Cohort, *, severity: float, rng: np.random.Generator) -> Cohort:
    """Shrink every cortical parcel by a share that grows with its rank in complexity; CSF takes its place.

    Parameters
    ----------
    cohort : Cohort
        With volumes, mm3. Without parcels the cortex of a hemisphere loses what its parcels would lose.
    severity : float
        Share that the most folded parcel loses, below 1; the least folded loses nothing.
    rng : numpy.random.Generator
        Not used: the defect is the same in everybody.

    Returns
    -------
    Cohort
        With the smaller cortex.
    """
    volumes = volumes_of(cohort).copy()
    ranks, shares = complexity_ranks()
    total = pd.Series(0.0, index=volumes.index)
    for cortex in sided(volumes, "Cerebral-Cortex"):
        side = "lh" if cortex.startswith("Left") else "rh"
        parcels = {f"ctx-{side}-{region}": rank for region, rank in ranks.items()}
        if set(parcels) <= set(volumes):
            losses = volumes[list(parcels)] * (severity * np.array(list(parcels.values())))
            volumes[list(parcels)] -= losses
            loss = losses.sum(axis=1)
        else:
            loss = volumes[cortex] * (severity * float(ranks.to_numpy() @ shares.to_numpy()))
        volumes[cortex] -= loss
        total = total + loss
    return replace(cohort, volumes=move_to_csf(volumes, total))
