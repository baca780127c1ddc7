"""Requested against measured: the quantities behind question 6."""

from collections.abc import Iterable

import numpy as np

from analysis.pair import Pair
from analysis.sample import Sample
from cohorts.errors import DataError
from cohorts.structures import structure

VENTRICLES = ("Left-Lateral-Ventricle", "Right-Lateral-Ventricle", "Left-Inf-Lat-Vent", "Right-Inf-Lat-Vent")
BRAIN_TISSUES = ("grey", "white", "mixed")


def measured_ventricle(sample: Sample) -> np.ndarray:
    """Return the volume of both lateral ventricles with their inferior horns, mm³, (n,)."""
    return _total(sample, [name for name in VENTRICLES if name in sample.structures], "lateral ventricles")


def measured_brain(sample: Sample) -> np.ndarray:
    """Return the volume of all brain tissue without ventricles and other fluid, mm³, (n,).

    Parcels are parts of the cortex and do not count twice.
    """
    tissue = [
        n for n in sample.structures if structure(n).atlas == "aseg" and structure(n).tissue in BRAIN_TISSUES
    ]
    return _total(sample, tissue, "brain tissue")


def _total(sample: Sample, names: Iterable[str], label: str) -> np.ndarray:
    names = list(names)
    if not names:
        raise DataError(f"{sample.name}: no structure of the {label} is in the table")
    return np.sum([sample.column(name) for name in names], axis=0)


MEASURED = {"requested_ventricle_mm3": measured_ventricle, "requested_brain_mm3": measured_brain}
LABELS = {"requested_ventricle_mm3": "ventricle volume", "requested_brain_mm3": "brain volume"}


def requested_and_measured(column: str, sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return requested and measured values of one condition, mm³, and the rows that have both."""
    requested = sample.people[column].to_numpy(dtype=float)
    measured = MEASURED[column](sample)
    rows = np.flatnonzero(np.isfinite(requested) & np.isfinite(measured))
    return requested[rows], measured[rows], rows


def weighted_slope(column: str, pair: Pair) -> np.ndarray:
    """Return the slope of measured on requested values in the generated cohort, (B,)."""
    x, y, rows = requested_and_measured(column, pair.generated.prepared.sample)
    return weighted_line(x, y, pair.generated.weights[:, rows])[0]


def weighted_line(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return slope, intercept and correlation of y on x for every row of weights, each (B,).

    Examples
    --------
    >>> slope, intercept, r = weighted_line(np.array([0.0, 1, 2]), np.array([1.0, 3, 5]), np.ones((1, 3)))
    >>> slope.tolist(), intercept.tolist(), r.round(9).tolist()
    ([2.0], [1.0], [1.0])
    """
    w = weights.astype(float)
    n = w.sum(axis=1)
    x0, y0 = x - x.mean(), y - y.mean()
    mean_x, mean_y = (w @ x0) / n, (w @ y0) / n
    var_x = (w @ x0**2) / n - mean_x**2
    var_y = (w @ y0**2) / n - mean_y**2
    cov = (w @ (x0 * y0)) / n - mean_x * mean_y
    with np.errstate(divide="ignore", invalid="ignore"):
        slope, r = cov / var_x, cov / np.sqrt(var_x * var_y)
    return slope, (mean_y + y.mean()) - slope * (mean_x + x.mean()), r
