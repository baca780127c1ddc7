"""How plausible every subject is as a whole: a robust distance from the reference, with its reasons.

A subject may be usual in every structure and odd in their combination: small ventricles beside a thin cortex.
The distance is Mahalanobis', of deviations from what the reference predicts for age and sex. Centre and scale
of each structure are median and median absolute deviation, deviations beyond three of them count as three in
the covariance, and the covariance is shrunk, so that neither a few odd reference subjects nor many structures
spoil it. Reference subjects are measured by a covariance that has not seen them.
"""

import numpy as np
import pandas as pd
from scipy.stats import median_abs_deviation
from sklearn.covariance import ledoit_wolf

from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import ROLES
from plausibrain.analysis.prediction import N_FOLDS, fold_numbers
from plausibrain.cohorts.schemas import PLAUSIBILITY

WINSORISED = 3.0
MOST_REASONS = 3


def plausibility_table(frame: Frame) -> pd.DataFrame:
    """Return distance, share of reference subjects as far away, and reasons of every subject.

    Parameters
    ----------
    frame : Frame

    Returns
    -------
    DataFrame
        Columns of `plausibrain.cohorts.schemas.PLAUSIBILITY`, the least plausible of each cohort first.

    References
    ----------
    Ledoit and Wolf 2004 (key Ledoit2004) for the shrunk covariance.
    """
    reference = frame.reference.features
    center = np.median(reference, axis=0)
    scale = median_abs_deviation(reference, axis=0, scale="normal")
    scale = np.where(scale > 0, scale, 1.0)
    z = [(p.features - center) / scale for p in (frame.reference, frame.generated)]
    fold = fold_numbers(frame.reference, N_FOLDS, frame.settings.seed)
    inverses = [_precision(z[0][fold != k]) for k in range(N_FOLDS)]
    shares = [
        np.array([_contributions(values, inverse) for inverse in inverses]) for values in z
    ]  # (k, n, s)
    own = shares[0][fold, np.arange(len(fold))]
    parts = []
    for role, contributions in zip(ROLES, (own, shares[1].mean(axis=0)), strict=True):
        arrays = frame.reference if role == "reference" else frame.generated
        parts.append(_rows(role, arrays, contributions, own.sum(axis=1), frame.outcome_names))
    return pd.concat(parts, ignore_index=True)[[column.name for column in PLAUSIBILITY.columns]]


def _precision(z: np.ndarray) -> np.ndarray:
    """Return the inverse of the shrunk covariance of winsorised deviations, (s, s)."""
    covariance, _ = ledoit_wolf(np.clip(z, -WINSORISED, WINSORISED), assume_centered=True)
    inverse: np.ndarray = np.linalg.inv(covariance)
    return inverse


def _contributions(z: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Return what every structure adds to the squared distance, (n, s); a sum may hold negative parts."""
    return z * (z @ inverse)


def _rows(
    role: str, arrays: CohortArrays, contributions: np.ndarray, usual: np.ndarray, names: tuple[str, ...]
) -> pd.DataFrame:
    squares = contributions.sum(axis=1)
    at_least = len(usual) - np.searchsorted(np.sort(usual), squares, side="left")
    share = at_least / len(usual) if role == "reference" else (1 + at_least) / (1 + len(usual))
    table = pd.DataFrame(
        {
            "cohort": role,
            "participant_id": arrays.sample.subjects["participant_id"].to_numpy(),
            "distance": np.sqrt(np.maximum(squares, 0.0)),
            "share_as_far": share,
            "reasons": [_reasons(c, f, names) for c, f in zip(contributions, arrays.features, strict=True)],
        }
    )
    table = table.sort_values(["distance", "participant_id"], ascending=[False, True], ignore_index=True)
    return table.assign(rank=np.arange(1, len(table) + 1))


def _reasons(contributions: np.ndarray, deviations: np.ndarray, names: tuple[str, ...]) -> str:
    """Name the structures that add most to the distance, with their deviations in SD."""
    most = np.argsort(-contributions, kind="stable")[:MOST_REASONS]
    return "; ".join(f"{names[j]} {deviations[j]:+.1f} SD" for j in most if contributions[j] > 0)
