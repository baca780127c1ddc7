"""Differences of volumes as published for brain generators: per hemisphere, and of both sides together.

The released procedure averages homologous structures before it compares them: 18 regions of the aseg and 34
cortical ones for SynthSeg's tables. Differences per hemisphere, from the same formula, are another number;
both have their own name here. Signs are generated minus reference (the publication has them the other way
round), and nothing is adjusted for age and sex.
"""

import numpy as np

from plausibrain.analysis.effect_sizes import cohens_d
from plausibrain.analysis.homologues import average_sides, homologous
from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import Pair, Weighted
from plausibrain.analysis.regression import Moments
from plausibrain.cohorts.structures import region_of

#: Absolute difference below which a structure counts as reproduced, in the literature on brain generators.
SMALL = 0.2


def bilateral_names(frame: Frame) -> tuple[str, ...]:
    """Return the regions that `bilateral_difference` compares: homologous pairs first, then the midline."""
    pairs = homologous(frame.structures)
    members = {i for pair in pairs for i in pair}
    alone = [name for i, name in enumerate(frame.structures) if i not in members]
    return (*(region_of(frame.structures[left]) for left, _ in pairs), *alone)


def bilateral_difference(pair: Pair, *, residual: bool) -> np.ndarray:
    """Return `cohens_d` of volumes averaged over both sides, (B, r); see `bilateral_names`.

    Parameters
    ----------
    pair : Pair
    residual : bool
        Regress head size out first.
    """
    reference, generated = _both_moments(pair)
    at = pair.frame.columns.index("tiv") if residual else None
    return cohens_d(reference, generated, headsize=at)


def _both_moments(pair: Pair) -> tuple[Moments, Moments]:
    """Return the moments of both cohorts, which are the same whatever is asked of them."""
    key = "bilateral moments"
    if key not in pair.cache:
        scale = average_sides(pair.frame.reference.sample.volumes, pair.frame.structures)
        center, sd = scale.mean(axis=0), scale.std(axis=0)
        pair.cache[key] = tuple(
            _moments(side, center, np.where(sd > 0, sd, 1.0)) for side in (pair.reference, pair.generated)
        )
    both: tuple[Moments, Moments] = pair.cache[key]
    return both


def _moments(side: Weighted, center: np.ndarray, sd: np.ndarray) -> Moments:
    arrays: CohortArrays = side.arrays
    outcomes = average_sides(arrays.sample.volumes, arrays.sample.structures)
    return side.moments_of(arrays.design, (outcomes - center) / sd)


def share_small(differences: np.ndarray) -> np.ndarray:
    """Return the share of structures whose difference is below `SMALL`, (B,)."""
    return np.asarray((np.abs(differences) < SMALL).mean(axis=1))


def mean_absolute(differences: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference over structures, (B,)."""
    return np.asarray(np.abs(differences).mean(axis=1))
