"""How the volumes of a cohort depend on age and sex: the part a defect removes, doubles or keeps."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AgeSexFit:
    """Log volumes split into four parts that add up to them.

    Attributes
    ----------
    mean : DataFrame, (n, structures)
        The same in every row.
    age, sex : DataFrame, (n, structures)
        Effects, centred over the cohort.
    residual : DataFrame, (n, structures)
        What age and sex leave; missing where the volume is missing or not positive.
    """

    mean: pd.DataFrame
    age: pd.DataFrame
    sex: pd.DataFrame
    residual: pd.DataFrame

    def volumes(self, *, age: float = 1.0, sex: float = 1.0, residual: float = 1.0) -> pd.DataFrame:
        """Return volumes with each part multiplied, mm3."""
        logs = self.mean + age * self.age + sex * self.sex + residual * self.residual
        return logs.transform(np.exp)


def fit_age_sex(volumes: pd.DataFrame, subjects: pd.DataFrame) -> AgeSexFit:
    """Fit log volume on age, its square and sex by least squares, structure by structure.

    Parameters
    ----------
    volumes : DataFrame, (n, structures)
        mm3. Volumes that are missing or not positive take no part and stay missing.
    subjects : DataFrame, (n, …)
        Columns ``age`` (years) and ``sex``.

    Returns
    -------
    AgeSexFit
        On the log scale, so effects are shares of the volume.
    """
    logs = volumes.where(volumes > 0).transform(np.log)
    age = subjects["age"].to_numpy(float)
    age_z = (age - age.mean()) / max(float(age.std()), 1e-6)
    design = np.column_stack([np.ones(len(age)), age_z, age_z**2, (subjects["sex"] == "M").to_numpy(float)])
    design[:, 1:] -= design[:, 1:].mean(axis=0)
    beta = np.column_stack([solve(design, logs[name].to_numpy(float)) for name in logs])
    parts = [design[:, columns] @ beta[columns] for columns in ([0], [1, 2], [3])]
    frames = [pd.DataFrame(part, index=logs.index, columns=logs.columns) for part in parts]
    mean, by_age, by_sex = frames
    return AgeSexFit(mean, by_age, by_sex, logs - mean - by_age - by_sex)


def solve(design: Array, values: Array) -> Array:
    """Return least-squares coefficients over the rows that are not missing."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(design.shape[1])
    return np.asarray(np.linalg.lstsq(design[finite], values[finite], rcond=None)[0], float)


def nearest_by_age(subjects: pd.DataFrame, pool: pd.DataFrame) -> NDArray[np.intp]:
    """Return for each subject the row number in a pool of the same sex with the nearest age.

    Parameters
    ----------
    subjects, pool : DataFrame
        Columns ``age`` and ``sex``. A sex the pool lacks takes the nearest of the other.

    Returns
    -------
    ndarray of int, (n,)
        Positions in `pool`.
    """
    ages = np.abs(subjects["age"].to_numpy(float)[:, None] - pool["age"].to_numpy(float)[None, :])
    other = subjects["sex"].to_numpy()[:, None] != pool["sex"].to_numpy()[None, :]
    return np.argmin(ages + 1e3 * other, axis=1)
