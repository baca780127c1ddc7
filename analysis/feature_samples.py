"""Two clouds of feature vectors: inner products, distances and means over pairs, weighted and shared.

Distances between clouds of image features come in two spaces. ``raw`` are the vectors themselves, which is
what papers report. ``adjusted`` are deviations from what the reference predicts for age and sex, so that
another age mix is not a distance; verdicts are about these.
"""

from typing import Literal

import numpy as np

from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import ROLES, Pair, Role, Weighted

Space = Literal["raw", "adjusted"]
#: Extractors that headlines use, in the order in which they are looked for.
FEATURE_SPACE = ("segmenter_bottleneck", "random_network")
IMAGE_SPACE = ("low_resolution",)


def extractor_names(frame: Frame) -> tuple[str, ...]:
    """Return the extractors that both cohorts have, with their hashes."""
    return tuple(frame.reference.clouds)


def chosen_extractor(frame: Frame, kinds: tuple[str, ...]) -> str:
    """Return the first extractor of some kinds that both cohorts have; empty when they have none."""
    for kind in kinds:
        for name in extractor_names(frame):
            if name.partition(":")[0] == kind:
                return name
    return ""


def points(arrays: CohortArrays, name: str, space: Space) -> np.ndarray:
    """Return the vectors of the pairwise rows, (m, d); zeros where a vector is missing."""
    if space == "adjusted":
        return np.nan_to_num(arrays.clouds[name])
    return np.nan_to_num(arrays.sample.features[name][arrays.pairwise_rows])


def present(arrays: CohortArrays, name: str) -> np.ndarray:
    """Return which of the pairwise rows have a vector, (m,)."""
    return np.isfinite(arrays.clouds[name][:, :1]).all(axis=1)


def weights_of(side: Weighted, name: str) -> np.ndarray:
    """Return the weights of the pairwise rows, 0 where a vector is missing, (B, m)."""
    rows = side.arrays.pairwise_rows
    return side.weights[:, rows].astype(float) * present(side.arrays, name)


def inner_products(
    frame: Frame, first: CohortArrays, second: CohortArrays, name: str, space: Space
) -> np.ndarray:
    """Return the inner products of the vectors of two cohorts, (m, k)."""
    key = ("inner", name, space, id(first.clouds[name]), id(second.clouds[name]))
    if key not in frame.cache:
        for arrays in (first, second):  # an id is unique only while its array lives
            frame.cache["alive", id(arrays.clouds[name])] = arrays.clouds[name]
        a, b = (points(arrays, name, space).astype(float) for arrays in (first, second))
        frame.cache[key] = a @ b.T
    return frame.cache[key]


def squared_distances(
    frame: Frame, first: CohortArrays, second: CohortArrays, name: str, space: Space
) -> np.ndarray:
    """Return the squared Euclidean distances of the vectors of two cohorts, (m, k)."""
    cross = inner_products(frame, first, second, name, space)
    own = [
        np.einsum("md,md->m", p, p, dtype=float)
        for p in (points(arrays, name, space) for arrays in (first, second))
    ]
    squares = np.maximum(own[0][:, None] + own[1][None] - 2.0 * cross, 0.0)
    if first is second:
        np.fill_diagonal(squares, 0.0)
    return squares


def same_subject(arrays: CohortArrays) -> np.ndarray:
    """Return which pairs of pairwise rows are of one subject, the row with itself included, (m, m)."""
    subject = arrays.clusters.row_of[arrays.pairwise_rows]
    same: np.ndarray = subject[:, None] == subject[None]
    return same


def mean_over_pairs(pair: Pair, matrix: np.ndarray, first: Role, second: Role, name: str) -> np.ndarray:
    """Return the weighted mean of a matrix over pairs of subjects, (B,).

    Parameters
    ----------
    pair : Pair
    matrix : ndarray, (m, k)
        Over the pairwise rows of both sides.
    first, second : {"reference", "generated"}
        Within one side a subject is never paired with itself, which keeps the mean unbiased.
    name : str
        The extractor, for missing vectors.
    """
    w, v = (weights_of(pair.side(role), name) for role in (first, second))
    total = w.sum(axis=1) * v.sum(axis=1)
    if first == second:
        same = same_subject(pair.side(first).arrays)
        matrix = np.where(same, 0.0, matrix)
        total = total - np.einsum("bm,bm->b", w @ same.astype(float), v)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.einsum("bm,bm->b", w @ matrix, v) / total


def members(pair: Pair, replicate: int, role: Role, name: str) -> np.ndarray:
    """Return the positions among the pairwise rows that are in one side of a replicate and have a vector."""
    return np.flatnonzero(weights_of(pair.side(role), name)[replicate] > 0)


def equal_members(pair: Pair, replicate: int, name: str, most: int) -> list[np.ndarray]:
    """Return as many members of both sides, at most `most`, drawn by seed in any order of rows."""
    candidates = [members(pair, replicate, role, name) for role in ROLES]
    n = min(most, *map(len, candidates))
    choice = []
    for role, positions in zip(ROLES, candidates, strict=True):
        arrays = pair.side(role).arrays
        ids = arrays.sample.subjects["participant_id"].to_numpy(dtype=str)[arrays.pairwise_rows[positions]]
        rng = arrays.clusters.rng(pair.frame.settings.seed, f"equal members {role} {replicate}")
        choice.append(positions[np.argsort(ids, kind="stable")][rng.permutation(len(positions))[:n]])
    return choice


def by_replicate(pair: Pair, name: str, space: Space) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the vectors of both sides in every replicate of 0/1 memberships."""
    both = [points(side.arrays, name, space) for side in (pair.reference, pair.generated)]
    return [
        (both[0][members(pair, b, "reference", name)], both[1][members(pair, b, "generated", name)])
        for b in range(pair.n_replicates)
    ]
