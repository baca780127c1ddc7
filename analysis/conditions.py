"""Requested against measured: the quantities behind question 6."""

from collections.abc import Iterable

import numpy as np

from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.regression import fit, moments
from plausibrain.analysis.sample import Sample
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import structure

VENTRICLES = ("Left-Lateral-Ventricle", "Right-Lateral-Ventricle", "Left-Inf-Lat-Vent", "Right-Inf-Lat-Vent")
BRAIN_TISSUES = ("grey", "white", "mixed")


def _is_ventricle(name: str) -> bool:
    return name in VENTRICLES


def _is_tissue(name: str) -> bool:
    """Tell whether a structure counts as brain; parcels are parts of the cortex and do not count twice."""
    known = structure(name)
    return known.atlas == "aseg" and known.tissue in BRAIN_TISSUES


PARTS = {"requested_ventricle_mm3": _is_ventricle, "requested_brain_mm3": _is_tissue}
LABELS = {"requested_ventricle_mm3": "ventricle volume", "requested_brain_mm3": "brain volume"}


def measured_structures(column: str, structures: Iterable[str]) -> list[str]:
    """Return the structures whose sum is compared with a requested volume.

    Ventricles: both lateral ones with their inferior horns. Brain: all tissue without ventricles and other
    fluid.
    """
    return [name for name in structures if PARTS[column](name)]


def measured_volume(column: str, sample: Sample) -> np.ndarray:
    """Return the measured volume that answers a request, mm³, (n,).

    Raises
    ------
    DataError
        When none of its structures is in the table.
    """
    names = measured_structures(column, sample.structures)
    if not names:
        raise DataError(f"{sample.name}: no structure of the {LABELS[column]} is in the table")
    return np.sum([sample.column(name) for name in names], axis=0)


def requested_and_measured(column: str, sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return requested and measured values of one condition, mm³, and the rows that have both."""
    requested = sample.subjects[column].to_numpy(dtype=float)
    measured = measured_volume(column, sample)
    rows = np.flatnonzero(np.isfinite(requested) & np.isfinite(measured))
    return requested[rows], measured[rows], rows


def weighted_slope(column: str, pair: Pair) -> np.ndarray:
    """Return the slope of measured on requested values at equal age, sex and other requests, (B,).

    In subjects, ventricles grow with age. A model that follows age and ignores the request would still show a
    slope if age were not held equal.
    """
    prepared = pair.generated.prepared
    x, y, rows = requested_and_measured(column, prepared.sample)
    design = np.column_stack([_held_equal(column, pair.frame, rows), (x - x.mean()) / x.std()])
    fitted = fit(moments(design, ((y - y.mean()) / x.std())[:, None], pair.generated.weights[:, rows]))
    return fitted.beta[:, -1, 0]


def _held_equal(column: str, frame: Frame, rows: np.ndarray) -> np.ndarray:
    """Columns for age, sex and the other requests of the generated rows, (n, p)."""
    age_and_sex = frame.generated.design[rows][:, frame.model(tiv=False)]
    return np.column_stack([age_and_sex, *_other_requests(column, frame.generated.sample, rows)])


def _other_requests(column: str, sample: Sample, rows: np.ndarray) -> list[np.ndarray]:
    """Standardised values of the other requested conditions that every row has, each (n, 1)."""
    others = []
    for name in PARTS:
        if name != column and name in sample.subjects:
            values = sample.subjects[name].to_numpy(dtype=float)[rows]
            if np.isfinite(values).all() and np.ptp(values) > 0:
                others.append(((values - values.mean()) / values.std())[:, None])
    return others


def own_variation(column: str, frame: Frame) -> float:
    """Return the share of a request's variance that age, sex and other requests do not explain, 0 to 1."""
    x, _, rows = requested_and_measured(column, frame.generated.sample)
    held = _held_equal(column, frame, rows)
    rest = x - held @ np.linalg.lstsq(held, x, rcond=None)[0]
    return float(rest.var() / x.var())


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
