"""Precision, recall, density and coverage: balls around vectors, as wide as the k-th nearest neighbour."""

from dataclasses import dataclass

import numpy as np

from plausibrain.analysis.feature_samples import Space, members, same_subject, squared_distances
from plausibrain.analysis.pair import ROLES, Pair

NEAREST = 5


@dataclass(frozen=True)
class Neighbourhoods:
    """Squared distances of one replicate.

    Attributes
    ----------
    across : ndarray, (m, k)
        Between reference (rows) and generated (columns) vectors.
    reference_radius, generated_radius : ndarray, (m,) and (k,)
        Squared distance to the k-th nearest other subject of the own cohort.
    """

    across: np.ndarray
    reference_radius: np.ndarray
    generated_radius: np.ndarray


def neighbourhoods(pair: Pair, name: str, space: Space = "raw") -> list[Neighbourhoods]:
    """Return the neighbourhoods in every replicate of 0/1 memberships.

    Notes
    -----
    Balls are closed: with open balls, as in the published code, identical vectors in both cohorts would not
    cover each other. Images of one subject are no neighbours.
    """
    sides = [pair.side(role).arrays for role in ROLES]
    across = squared_distances(pair.frame, sides[0], sides[1], name, space)
    own = []
    for side in sides:
        squares = squared_distances(pair.frame, side, side, name, space)
        own.append(np.where(same_subject(side), np.inf, squares))
    result = []
    for b in range(pair.n_replicates):
        rows = [members(pair, b, role, name) for role in ROLES]
        radii = [
            _radius(matrix[np.ix_(positions, positions)]) for matrix, positions in zip(own, rows, strict=True)
        ]
        result.append(Neighbourhoods(across[np.ix_(rows[0], rows[1])], radii[0], radii[1]))
    return result


def _radius(squares: np.ndarray) -> np.ndarray:
    """Return the squared distance to the k-th nearest other; infinite ones, of too few others, are NaN."""
    if len(squares) <= NEAREST:
        return np.full(len(squares), np.nan)
    radius = np.partition(squares, NEAREST - 1, axis=1)[:, NEAREST - 1]
    return np.where(np.isfinite(radius), radius, np.nan)
