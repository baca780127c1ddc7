"""How alike the same generated subjects are in two runs, which is what pairing saves."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plausibrain.reports.run_folder import Run

TIV = "TIV"
MIN_SUBJECTS = 10  # fewer give no correlation worth using
ROUNDING = 1e-9  # residuals below this part of the volume are rounding, and correlate with anything
KEYS = ["cohort", "participant_id"]


def paired_correlations(first: Run, second: Run) -> dict[str, float]:
    """Return the correlation over subjects of every structure between two runs of the same subjects.

    Parameters
    ----------
    first, second : Run
        Runs whose generated subjects have the same ids, with the tables ``subjects`` and ``volumes``.

    Returns
    -------
    dict of str to float
        Structure -> Pearson correlation of its volume given age, sex and head size (as the run's convention
        says), the mean of each subject's images being one observation. Structures without one are absent.

    Notes
    -----
    Adjusted differences are means of such residuals in standard deviations of the reference, which the runs
    share. Their covariance over runs is therefore this correlation times the root of both variances.
    """
    residuals = [_residuals(run) for run in (first, second)]
    subjects = residuals[0].index.intersection(residuals[1].index)
    if len(subjects) < MIN_SUBJECTS:
        return {}
    a, b = (table.loc[subjects] for table in residuals)
    names = [name for name in a.columns if name in b.columns]
    correlations = {str(name): _correlation(a[name].to_numpy(), b[name].to_numpy()) for name in names}
    return {name: value for name, value in correlations.items() if np.isfinite(value)}


def _residuals(run: Run) -> pd.DataFrame:
    """Volumes of generated subjects given age, sex and head size; one row per subject."""
    subjects, volumes = run.table("subjects"), run.table("volumes")
    if subjects.empty or volumes.empty or not {"subject", "age", "sex"} <= set(subjects.columns):
        return pd.DataFrame()
    both = volumes.merge(subjects[[*KEYS, "subject", "age", "sex"]], on=KEYS)
    both = both[both.cohort == "generated"]
    names = [name for name in volumes.columns if name not in KEYS]
    numbers = (
        both[names].apply(pd.to_numeric).assign(subject=both.subject.astype(str), age=both.age.astype(float))
    )
    table = numbers.assign(male=(both.sex == "M").astype(float)).groupby("subject").mean()
    adjusts = TIV in names and str(run.settings.get("headsize", "covariate")) != "none"
    return pd.DataFrame(
        {name: _given(table, name, adjusts=adjusts and name != TIV) for name in names}, index=table.index
    )


def _given(table: pd.DataFrame, name: str, *, adjusts: bool) -> NDArray[np.float64]:
    """Residuals from a quadratic in age, sex and perhaps head size; NaN where missing or without spread."""
    age = (table.age - table.age.mean()).to_numpy(dtype=np.float64)
    columns = [np.ones(len(table)), age, age**2, table.male.to_numpy(dtype=np.float64)]
    columns += [table[TIV].to_numpy(dtype=np.float64) / 1e6] if adjusts else []
    design, outcome = np.column_stack(columns), table[name].to_numpy(dtype=np.float64)
    finite = np.isfinite(design).all(axis=1) & np.isfinite(outcome)
    residual = np.full(len(table), np.nan)
    if finite.any():
        beta = np.linalg.lstsq(design[finite], outcome[finite], rcond=None)[0]
        left = outcome[finite] - design[finite] @ beta
        residual[finite] = left if left.std() > ROUNDING * np.abs(outcome[finite]).max() else np.nan
    return residual


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    finite = np.isfinite(a) & np.isfinite(b)
    if finite.sum() < MIN_SUBJECTS:
        return float("nan")
    return float(np.corrcoef(a[finite], b[finite])[0, 1])
