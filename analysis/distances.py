"""Distances between subjects in the space of volumes, weighted and shared by the headlines that need them."""

import numpy as np

from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import ROLES, Pair, Role


def distance_matrix(frame: Frame, first: CohortArrays, second: CohortArrays) -> np.ndarray:
    """Return Euclidean distances of features between the pairwise rows of two cohorts, (n, m), float32."""
    key = ("distance", id(first.features), id(second.features))
    if key not in frame.cache:
        # The cache holds on to the arrays: an id is unique only while its array lives.
        frame.cache["alive", id(first.features)] = first.features
        frame.cache["alive", id(second.features)] = second.features
        a = first.features[first.pairwise_rows].astype(np.float32)
        b = second.features[second.pairwise_rows].astype(np.float32)
        squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2 * (a @ b.T)
        matrix = np.sqrt(np.maximum(squares, 0.0))
        if first.features is second.features:
            np.fill_diagonal(matrix, 0.0)
        frame.cache[key] = matrix
    return frame.cache[key]


def mean_distance(pair: Pair, first: Role, second: Role) -> np.ndarray:
    """Return the weighted mean distance between two cohorts, or between the subjects of one, (B,).

    Within one cohort a subject is never paired with itself, be it in another row or as a copy
    in a bootstrap, which keeps the mean unbiased.
    """
    a, b = pair.side(first), pair.side(second)
    d = distance_matrix(pair.frame, a.arrays, b.arrays)
    w = a.weights[:, a.arrays.pairwise_rows].astype(np.float32)
    v = b.weights[:, b.arrays.pairwise_rows].astype(np.float32)
    n_pairs = w.sum(axis=1, dtype=float) * v.sum(axis=1, dtype=float)
    if first == second:
        d, own = _between_subjects(pair.frame, a.arrays, d, w)
        n_pairs = n_pairs - own
    total = np.einsum("bn,bn->b", w @ d, v, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return total / n_pairs


def _between_subjects(
    frame: Frame, arrays: CohortArrays, distances: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return distances with zeros between rows of one subject, and the weight of these pairs, (B,)."""
    subject = arrays.clusters.row_of[arrays.pairwise_rows]
    ids, row_of = np.unique(subject, return_inverse=True)
    if len(ids) == len(subject):
        return distances, (weights * weights).sum(axis=1, dtype=float)
    key = ("between subjects", id(arrays.features))
    if key not in frame.cache:
        frame.cache[key] = np.where(subject[:, None] == subject[None], np.float32(0), distances)
    membership = np.zeros((len(subject), len(ids)), dtype=np.float32)
    membership[np.arange(len(subject)), row_of] = 1
    return frame.cache[key], ((weights @ membership) ** 2).sum(axis=1, dtype=float)


def nearest_distance_medians(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Return the median distance to the nearest other subject, reference and generated, each (B,).

    Both at the same n. In a bootstrap the distances are those of the cohort itself and only their median is
    resampled: a subject drawn twice is not a near-duplicate.
    """
    if pair.kind == "bootstrap":
        if pair.full is None:
            raise ValueError("a bootstrap pair needs the pair of the estimate")
        return _resampled_median(pair, "reference"), _resampled_median(pair, "generated")
    return _medians(pair, "reference"), _medians(pair, "generated")


def _medians(pair: Pair, role: Role) -> np.ndarray:
    side = pair.side(role)
    if pair.kind == "full":
        return np.array([np.median(_nearest(pair.frame, side.arrays, _equal_rows(pair, role)))])
    members = side.weights[:, side.arrays.pairwise_rows] > 0
    return np.array([np.median(_nearest(pair.frame, side.arrays, np.flatnonzero(m))) for m in members])


def _equal_rows(pair: Pair, role: Role) -> np.ndarray:
    """Positions among the pairwise rows: as many in both cohorts."""
    n = min(len(pair.side(r).arrays.pairwise_rows) for r in ROLES)
    arrays = pair.side(role).arrays
    rng = arrays.clusters.rng(pair.frame.settings.seed, "equal rows")
    rank = np.argsort(arrays.sample.order)[arrays.pairwise_rows]  # does not depend on the order of the table
    return np.sort(np.argsort(rank)[rng.permutation(len(rank))[:n]])


def _nearest(frame: Frame, arrays: CohortArrays, positions: np.ndarray) -> np.ndarray:
    """Distance of each row to the nearest row of another subject, (len(positions),)."""
    block = distance_matrix(frame, arrays, arrays)[np.ix_(positions, positions)].copy()
    subject = arrays.clusters.row_of[arrays.pairwise_rows[positions]]
    if len(np.unique(subject)) == len(subject):
        np.fill_diagonal(block, np.inf)
    else:
        block[subject[:, None] == subject[None]] = np.inf
    return block.min(axis=1)


def _resampled_median(pair: Pair, role: Role) -> np.ndarray:
    full = pair.full if pair.full is not None else pair
    positions = _equal_rows(full, role)
    arrays = full.side(role).arrays
    distances = _nearest(pair.frame, arrays, positions)
    order = np.argsort(distances, kind="stable")
    weights = pair.side(role).weights[:, arrays.pairwise_rows[positions[order]]]
    cumulative_weight = np.cumsum(weights, axis=1, dtype=float)
    middle = np.argmax(cumulative_weight >= cumulative_weight[:, -1:] / 2, axis=1)
    return distances[order][middle]
