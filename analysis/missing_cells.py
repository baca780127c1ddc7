"""Volumes that single rows lack: filled, so that a row with a gap still counts for what it has."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

SWEEPS = 5


def rows_with_enough(values: np.ndarray, least: float) -> np.ndarray:
    """Return which rows have at least this share of their cells, (n,) bool."""
    return np.asarray(np.isfinite(values).mean(axis=1) >= least)


def filled(values: np.ndarray, covariates: np.ndarray, order: np.ndarray, seed: int) -> np.ndarray:
    """Return values with every gap filled by a draw from what the rest of the cohort predicts.

    A draw, not the prediction itself: predictions alone would shrink the spread and sharpen correlations.

    Parameters
    ----------
    values : ndarray, (n, s)
        Volumes, NaN where missing.
    covariates : ndarray, (n, k)
        Covariates without gaps.
    order : ndarray of int, (n,)
        Rows by id, so that draws do not depend on the order of the table.
    seed : int

    Notes
    -----
    Regression imputation by chained equations with draws from the posterior (scikit-learn's
    IterativeImputer). At most a tenth of any column is missing, so intervals that take the draws as measured
    are too narrow by at most a twentieth.
    """
    if np.isfinite(values).all():
        return values
    center, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    standard_values = (values - center) / np.where(scale > 0, scale, 1.0)
    table = np.column_stack(
        [standard_values, (covariates - covariates.mean(axis=0)) / np.maximum(covariates.std(axis=0), 1e-9)]
    )
    imputer = IterativeImputer(
        sample_posterior=True, max_iter=SWEEPS, random_state=seed, keep_empty_features=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        complete = imputer.fit_transform(table[order])[:, : values.shape[1]]
    back = np.empty_like(standard_values)
    back[order] = complete
    imputations = np.maximum(back * np.where(scale > 0, scale, 1.0) + center, 0.0)
    return np.where(np.isfinite(values), values, imputations)
