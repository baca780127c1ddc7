"""Resampling weights: one row per replicate, one column per table row.

Every statistic of this package is a function of weights. Weights of one give the estimate,
multinomial counts give the bootstrap, zeros and ones give a split into disjoint halves.
Subjects, not rows, are drawn: several images of one subject move together.
"""

import hashlib
from dataclasses import dataclass

import numpy as np


def subjects_hash(subjects: np.ndarray) -> str:
    """Return a hash of the set of subject ids, whatever their order.

    Parameters
    ----------
    subjects : ndarray of str, (n,)
        Subject id of each row.
    """
    text = "\n".join(sorted({str(p) for p in subjects}))
    return hashlib.sha256(text.encode()).hexdigest()


def subjects_rng(subjects: np.ndarray, seed: int, purpose: str) -> np.random.Generator:
    """Return a generator that depends on the seed, the purpose and the set of subject ids alone.

    Two cohorts of the same subjects are therefore resampled alike, and comparing them is paired
    without further ado.
    """
    key = int(subjects_hash(subjects)[:16], 16)
    salt = int(hashlib.sha256(purpose.encode()).hexdigest()[:8], 16)
    return np.random.default_rng([seed, key, salt])


@dataclass(frozen=True)
class Clusters:
    """Rows grouped by subject.

    Attributes
    ----------
    ids : ndarray of str, (k,)
        Sorted subject ids.
    row_of : ndarray of int, (n,)
        Index into `ids` of each row.
    """

    ids: np.ndarray
    row_of: np.ndarray

    @classmethod
    def of(cls, subjects: np.ndarray) -> "Clusters":
        """Group rows by subject id; `subjects` has shape (n,)."""
        ids, row_of = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
        return cls(ids, row_of.reshape(-1))

    def __len__(self) -> int:
        return len(self.ids)

    def spread(self, per_subject: np.ndarray) -> np.ndarray:
        """Give each row the weight of its subject: (B, k) -> (B, n)."""
        return per_subject[:, self.row_of]


def ones(n: int) -> np.ndarray:
    """Return the weights of the estimate itself, shape (1, n)."""
    return np.ones((1, n), dtype=np.uint8)


def bootstrap_weights(clusters: Clusters, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return multinomial counts of subjects drawn with replacement.

    Returns
    -------
    ndarray of uint8, (n_resamples, n)
        How often each row was drawn; capped at 255, which does not occur below 10^60 draws.
    """
    k = len(clusters)
    counts = np.empty((n_resamples, k), dtype=np.uint8)
    for draw in range(n_resamples):
        counts[draw] = np.bincount(rng.integers(0, k, k), minlength=k)
    return clusters.spread(counts)


def split_weights(
    clusters: Clusters, n_subjects: int, n_splits: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return two disjoint groups of `n_subjects` subjects each, drawn anew for every split.

    Returns
    -------
    tuple of ndarray of uint8, (n_splits, n)
        Membership of the first and of the second group.
    """
    k = len(clusters)
    order = np.argsort(rng.random((n_splits, k)), axis=1)
    first = np.zeros((n_splits, k), dtype=np.uint8)
    second = np.zeros_like(first)
    np.put_along_axis(first, order[:, :n_subjects], 1, axis=1)
    np.put_along_axis(second, order[:, n_subjects : 2 * n_subjects], 1, axis=1)
    return clusters.spread(first), clusters.spread(second)


def subset_weights(clusters: Clusters, n_subjects: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return memberships of `n_subjects` subjects drawn without replacement, shape (n_draws, n)."""
    k = len(clusters)
    order = np.argsort(rng.random((n_draws, k)), axis=1)
    memberships = np.zeros((n_draws, k), dtype=np.uint8)
    np.put_along_axis(memberships, order[:, :n_subjects], 1, axis=1)
    return clusters.spread(memberships)
