"""The joint distribution of conditions in a reference cohort, so that new subjects can be drawn from it.

A Gaussian copula within each sex: every condition keeps its own observed distribution, and the conditions
keep their rank correlations. What it cannot carry: dependence that is no monotone association, such as a
spread of ventricle volume that grows with age beyond what the margins imply.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from plausibrain.cohorts.errors import DataError

#: Four correlated numbers cannot be described from fewer subjects than this.
MIN_SUBJECTS_PER_SEX = 8


@dataclass(frozen=True, eq=False)
class ConditionCopula:
    """A Gaussian copula of the conditions of one sex.

    Attributes
    ----------
    columns : tuple of str
        Names of the conditions.
    margins : mapping of str to ndarray, (n,)
        Observed values, sorted, in physical units.
    correlation : ndarray, (d, d)
        Of the normal scores.
    """

    columns: tuple[str, ...]
    margins: Mapping[str, NDArray[np.float64]]
    correlation: NDArray[np.float64]

    @classmethod
    def fit(cls, subjects: pd.DataFrame, columns: Sequence[str]) -> "ConditionCopula":
        """Return the copula of the complete rows of a table.

        Raises
        ------
        DataError
            With fewer than `MIN_SUBJECTS_PER_SEX` subjects.
        """
        values = subjects[list(columns)].dropna().to_numpy(dtype=np.float64)
        if len(values) < MIN_SUBJECTS_PER_SEX:
            raise DataError(
                f"expected at least {MIN_SUBJECTS_PER_SEX} subjects of each sex to learn how their "
                "conditions "
                f"vary together, got {len(values)}; resample the subjects of the reference instead"
            )
        scores = norm.ppf((rankdata(values, axis=0) - 0.5) / len(values))
        margins = {name: np.sort(column) for name, column in zip(columns, values.T, strict=True)}
        return cls(tuple(columns), margins, _correlation(scores))

    def draw(self, rng: np.random.Generator, requests: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return the conditions of one new subject.

        Parameters
        ----------
        rng : numpy.random.Generator
        requests : mapping of str to float, optional
            Conditions that are fixed; the others are drawn as they are in subjects with these. Outside the
            observed range they count as its end.

        Returns
        -------
        dict of str to float
            Every condition, the fixed ones as given.

        Notes
        -----
        With normal scores z, fixed ones f and free ones o: z_o given z_f is normal with mean
        R_of R_ff^-1 z_f and covariance R_oo - R_of R_ff^-1 R_fo.
        """
        requests = requests or {}
        conditions = [self.columns.index(name) for name in requests]
        free = [i for i in range(len(self.columns)) if i not in conditions]
        scores = np.array([self._score(name, value) for name, value in requests.items()])
        normal = rng.standard_normal(len(self.columns))[free]
        mean, covariance = _conditional(self.correlation, free, conditions, scores)
        levels = norm.cdf(mean + _root(covariance) @ normal)
        values = {
            self.columns[i]: self._quantile(self.columns[i], u) for i, u in zip(free, levels, strict=True)
        }
        return {name: float(requests.get(name, values.get(name, np.nan))) for name in self.columns}

    def _quantile(self, name: str, level: float) -> float:
        values = self.margins[name]
        return float(np.interp(level, _levels(len(values)), values))

    def _score(self, name: str, value: float) -> float:
        values = self.margins[name]
        return float(norm.ppf(np.interp(value, values, _levels(len(values)))))


def _levels(n: int) -> NDArray[np.float64]:
    """Return the plotting positions of n sorted values, (n,)."""
    return (np.arange(n) + 0.5) / n


def _correlation(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return correlations, (d, d); a condition that is the same in everybody correlates with nothing."""
    deviations = scores - scores.mean(axis=0)
    length = np.sqrt((deviations**2).sum(axis=0))
    unit = deviations / np.where(length > 0, length, 1.0)
    correlation = unit.T @ unit
    np.fill_diagonal(correlation, 1.0)
    return correlation


def _conditional(
    correlation: NDArray[np.float64], free: list[int], conditions: list[int], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean, (d_free,), and covariance, (d_free, d_free), of free normal scores given fixed ones."""
    across = correlation[np.ix_(free, conditions)]
    gain = across @ np.linalg.pinv(correlation[np.ix_(conditions, conditions)])
    return gain @ scores, correlation[np.ix_(free, free)] - gain @ across.T


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the symmetric square root; conditions that determine each other make the covariance singular."""
    values, vectors = np.linalg.eigh(covariance)
    root: NDArray[np.float64] = (vectors * np.sqrt(values.clip(min=0.0))) @ vectors.T
    return root
