"""Cortical parcels of simulated subjects, and how complex each is.

The simulator has the cortex of a hemisphere as one structure. Its 34 Desikan-Killiany parcels take the shares
that they have in ten label maps (`makers/typical_geometry.py`), with the spread over these, and add up to it.
"""

from dataclasses import replace
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.structures import region_of
from plausibrain.cohorts.typical_geometry import typical_geometry
from plausibrain.generation.norms import subject_rng
from plausibrain.generation.volume_columns import volumes_of

PARCEL_STREAM = 2
#: Correlation of the two sides of a region beyond what the whole cortex explains; chosen, not measured.
SIDES_R = 0.5


@cache
def parcel_shares() -> pd.DataFrame:
    """Return mean share of the cortex of a hemisphere and its log SD, by region (without its side)."""
    file = resources.files("plausibrain.generation") / "data" / "parcel_shares.tsv"
    with file.open(encoding="utf-8") as stream:
        return pd.read_csv(stream, sep="\t", index_col="region")


@cache
def complexity_ranks() -> tuple[pd.Series, pd.Series]:
    """Return the rank of every region in complexity, from 0 to 1, and its share of the cortex.

    The rank is that of the mean of the ranks of fractal dimension and, where a region has an envelope, of
    local gyrification, over both sides.
    """
    geometry = typical_geometry()
    by_region = geometry.groupby(geometry["structure"].map(region_of))[["fractal_dimension", "gyrification"]]
    mean_rank = by_region.mean().rank(pct=True).mean(axis=1)
    ranks = (mean_rank.rank() - 1) / (len(mean_rank) - 1)
    shares = parcel_shares()["share"].reindex(ranks.index)
    return ranks, shares / shares.sum()


def with_simulated_parcels(cohort: Cohort, *, seed: int) -> Cohort:
    """Return a simulated cohort with the volumes of the 68 parcels, mm3.

    Parameters
    ----------
    cohort : Cohort
        With the cortex of both hemispheres.
    seed : int
        Parcels of row i depend on (seed, i) alone.
    """
    volumes, shares = volumes_of(cohort), parcel_shares()
    n_regions = len(shares)
    columns: dict[str, np.ndarray] = {}
    noise = np.array(
        [subject_rng(seed, i, PARCEL_STREAM).standard_normal((3, n_regions)) for i in range(len(volumes))]
    )
    for i, (side, name) in enumerate((("lh", "Left"), ("rh", "Right"))):
        own = np.sqrt(SIDES_R) * noise[:, 2] + np.sqrt(1 - SIDES_R) * noise[:, i]
        parts = shares["share"].to_numpy() * np.exp(shares["log_sd"].to_numpy() * own)
        parts *= (volumes[f"{name}-Cerebral-Cortex"].to_numpy() / parts.sum(axis=1))[:, None]
        columns |= {f"ctx-{side}-{region}": parts[:, k] for k, region in enumerate(shares.index)}
    return replace(cohort, volumes=volumes.assign(**columns))
