"""Resampling weights: one row per replicate, one column per table row.

Every statistic of this package is a function of weights. Weights of one give the estimate,
multinomial counts give the bootstrap, zeros and ones give a split into disjoint halves.
Subjects, not rows, are resampled: several images of one subject move together. Of a cohort with more
subjects than `Rules.max_units`, random groups of subjects are resampled (`Clusters.unit_of`): sums of
products are then taken once per group, and 2,000 resamples cost no more than those of a small cohort.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plausibrain.analysis.regression import BLOCK_ROWS

MOST_UNITS = 5000
"""Groups that a large cohort is resampled in, unless the rules say otherwise. The variance that a bootstrap
of G random groups shows has a relative standard error of √(2/G), 2 %, less than that of 2,000 resamples."""


def subjects_hash(subjects: np.ndarray) -> str:
    """Return a hash of the set of subject ids, whatever their order.

    Parameters
    ----------
    subjects : ndarray of str, (n,)
        Subject id of each row.
    """
    text = "\n".join(sorted({str(p) for p in np.asarray(subjects).tolist()}))
    return hashlib.sha256(text.encode()).hexdigest()


def subjects_rng(subjects: np.ndarray, seed: int, purpose: str) -> np.random.Generator:
    """Return a generator that depends on the seed, the purpose and the set of subject ids alone.

    Two cohorts of the same subjects are therefore resampled alike, and comparing them is paired
    without further ado.
    """
    return _seeded(seed, subjects_hash(subjects), purpose)


def _seeded(seed: int, subjects: str, purpose: str) -> np.random.Generator:
    key = int(subjects[:16], 16)
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
    max_units : int
        Most units that are resampled.
    """

    ids: np.ndarray
    row_of: np.ndarray
    max_units: int = MOST_UNITS

    @classmethod
    def of(cls, subjects: np.ndarray, max_units: int = MOST_UNITS) -> "Clusters":
        """Group rows by subject id; `subjects` has shape (n,)."""
        ids, row_of = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
        return cls(ids, row_of.reshape(-1), max_units)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_units(self) -> int:
        """How many units are resampled: the subjects, or of a large cohort groups of subjects."""
        return min(len(self), self.max_units)

    @property
    def is_grouped(self) -> bool:
        """Whether units are groups of subjects."""
        return self.n_units < len(self)

    @cached_property
    def unit_of(self) -> np.ndarray:
        """Unit of resampling of every row, (n,): its subject, or the random group that its subject is in.

        Groups are equally large up to one subject, and the same for the same set of subjects.
        """
        if not self.is_grouped:
            return self.row_of
        rank = self.rng(0, "units of resampling").permutation(len(self))
        return (rank * self.n_units // len(self))[self.row_of]

    def units(self, n_subjects: int) -> int:
        """Return how many units hold about as many subjects."""
        return n_subjects * self.n_units // len(self)

    def spread(self, per_unit: np.ndarray) -> np.ndarray:
        """Give each row the weight of its unit: (B, k) -> (B, n)."""
        return per_unit[:, self.unit_of]

    def rng(self, seed: int, purpose: str) -> np.random.Generator:
        """Return the generator of `subjects_rng` for these subjects, whose ids are hashed once."""
        return _seeded(seed, self._hash, purpose)

    def ranks(self, seed: int, purpose: str) -> np.ndarray:
        """Return a random number of every row, one of 0 to k - 1 for each subject, (n,)."""
        key = (seed, purpose)
        if key not in self._ranks:
            self._ranks[key] = self.rng(seed, purpose).permutation(len(self))[self.row_of]
        return self._ranks[key]

    @cached_property
    def _ranks(self) -> dict[tuple[int, str], np.ndarray]:
        return {}

    @cached_property
    def _hash(self) -> str:
        return subjects_hash(self.ids)


def ones(n: int) -> np.ndarray:
    """Return the weights of the estimate itself, shape (1, n)."""
    return np.ones((1, n), dtype=np.uint8)


def weighted_sums(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return weights (B, n) times columns (n, k), (B, k), with no copy of all weights as floats."""
    total = np.zeros((len(weights), values.shape[1]))
    for start in range(0, len(values), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        total += weights[:, rows].astype(float) @ values[rows]
    return total


def bootstrap_weights(clusters: Clusters, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return multinomial counts of subjects drawn with replacement.

    Returns
    -------
    ndarray of uint8, (n_resamples, n)
        How often each row was drawn; capped at 255, which does not occur below 10^60 draws.
    """
    k = clusters.n_units
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
    k, n_subjects = clusters.n_units, clusters.units(n_subjects)
    order = np.argsort(rng.random((n_splits, k)), axis=1)
    first = np.zeros((n_splits, k), dtype=np.uint8)
    second = np.zeros_like(first)
    np.put_along_axis(first, order[:, :n_subjects], 1, axis=1)
    np.put_along_axis(second, order[:, n_subjects : 2 * n_subjects], 1, axis=1)
    return clusters.spread(first), clusters.spread(second)


def subset_weights(clusters: Clusters, n_subjects: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return memberships of `n_subjects` subjects drawn without replacement, shape (n_draws, n)."""
    k, n_subjects = clusters.n_units, clusters.units(n_subjects)
    order = np.argsort(rng.random((n_draws, k)), axis=1)
    memberships = np.zeros((n_draws, k), dtype=np.uint8)
    np.put_along_axis(memberships, order[:, :n_subjects], 1, axis=1)
    return clusters.spread(memberships)
