"""Requested against measured: the quantities behind question 6."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise

import numpy as np

from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.regression import fit
from plausibrain.analysis.sample import Sample
from plausibrain.analysis.structure_maps import StructureMap
from plausibrain.analysis.weights import weighted_sums
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.requested_volumes import REQUESTED_VOLUMES, STANDARD_HEAD_MM3
from plausibrain.cohorts.structures import TIV

#: Requests of at most so many values have a slope between each two; others between quartiles.
MOST_LEVELS = 9
N_PIECES = 4
DIGITS = 9
#: How the name of a piece of the range of requests begins.
PIECE = "requests "
Sums = Callable[[np.ndarray], np.ndarray]
"""From columns (n, k) to their weighted sums, (B, k)."""
LABELS = {column: one.label for column, one in REQUESTED_VOLUMES.items()}


def measured_structures(column: str, structures: Iterable[str]) -> list[str]:
    """Return the structures whose sum is compared with a requested volume.

    Ventricles: both lateral ones with their inferior horns. Brain: all tissue without ventricles and other
    fluid.
    """
    return [name for name in structures if REQUESTED_VOLUMES[column].member(name)]


def measurable(column: str, sample: Sample) -> bool:
    """Tell whether a sample has what answers a request."""
    if REQUESTED_VOLUMES[column].normalised and sample.tiv is None:
        return False
    return bool(measured_structures(column, sample.structures))


def measured_volume(column: str, sample: Sample) -> np.ndarray:
    """Return the measured volume that answers a request, in the definition of the request, mm³, (n,).

    Raises
    ------
    DataError
        When none of its structures is in the table, or head size is not and the request is normalised for it.
    """
    names = measured_structures(column, sample.structures)
    if not names:
        raise DataError(f"{sample.name}: no structure of the {LABELS[column]} is in the table")
    total = np.sum([sample.column(name) for name in names], axis=0)
    if not REQUESTED_VOLUMES[column].normalised:
        return total
    return total / sample.column(TIV) * STANDARD_HEAD_MM3


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
    arrays = pair.generated.arrays
    x, y, rows = requested_and_measured(column, arrays.sample)
    design = np.column_stack([_held_equal(column, pair.frame, rows), (x - x.mean()) / x.std()])
    regression = fit(pair.generated.moments_of(design, ((y - y.mean()) / x.std())[:, None], rows))
    return regression.beta[:, -1, 0]


def _held_equal(column: str, frame: Frame, rows: np.ndarray) -> np.ndarray:
    """Columns for age, sex and the other requests of the generated rows, (n, p)."""
    age_and_sex = frame.generated.design[rows][:, frame.model(tiv=False)]
    return np.column_stack([age_and_sex, *_other_requests(column, frame.generated.sample, rows)])


def _other_requests(column: str, sample: Sample, rows: np.ndarray) -> list[np.ndarray]:
    """Standardised values of the other requested conditions that every row has, each (n, 1)."""
    others = []
    for name in REQUESTED_VOLUMES:
        if name != column and name in sample.subjects:
            values = sample.subjects[name].to_numpy(dtype=float)[rows]
            if np.isfinite(values).all() and np.ptp(values) > 0:
                others.append(((values - values.mean()) / values.std())[:, None])
    return others


def local_slopes(column: str, pair: Pair) -> np.ndarray:
    """Return the slope of measured on requested values between neighbouring knots of the requests, (B, k).

    A continuous line with a bend at every knot, at equal age, sex and other requests: where a model follows
    requests in the middle of their range and not at its ends, one slope hides it.
    """
    arrays = pair.generated.arrays
    x, y, rows = requested_and_measured(column, arrays.sample)
    pieces = _pieces(x, request_knots(x)) / x.std()
    design = np.column_stack([_held_equal(column, pair.frame, rows), pieces - pieces.mean(axis=0)])
    regression = fit(pair.generated.moments_of(design, ((y - y.mean()) / x.std())[:, None], rows))
    return regression.beta[:, -pieces.shape[1] :, 0]


def request_knots(x: np.ndarray) -> np.ndarray:
    """Return the requests between which local slopes are taken: every level of a few, or the quartiles.

    Examples
    --------
    >>> request_knots(np.repeat([1.0, 2.0, 4.0], 5)).tolist(), request_knots(np.arange(41.0)).tolist()
    ([1.0, 2.0, 4.0], [0.0, 10.0, 20.0, 30.0, 40.0])
    """
    levels = np.unique(x)
    if len(levels) <= MOST_LEVELS:
        return levels
    return np.unique(np.quantile(x, np.linspace(0, 1, N_PIECES + 1)))


def _pieces(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return how far every request has come within each piece, (n, k): their sum is the request."""
    return np.clip(x[:, None], knots[:-1], knots[1:]) - knots[:-1]


def piece_names(column: str, frame: Frame) -> tuple[str, ...]:
    """Return the pieces of `local_slopes` as ranges of requests, mL."""
    knots = request_knots(requested_and_measured(column, frame.generated.sample)[0]) / 1000
    return tuple(f"{PIECE}{low:.4g} to {high:.4g} mL" for low, high in pairwise(knots))


def curve(column: str) -> StructureMap:
    """Return how far every local slope is from 1, as a map over the pieces of the requests."""

    def values(pair: Pair) -> np.ndarray:
        # Rounded, so that an exact answer to every request is no departure of the size of rounding errors.
        return np.round(local_slopes(column, pair) - 1.0, DIGITS)

    def margin(pair: Pair) -> np.ndarray:
        return np.full(len(piece_names(column, pair.frame)), local_margin(pair.frame))

    return StructureMap(values, margin, partial(piece_names, column), ("followed too little", "too much"))


def local_margin(frame: Frame) -> float:
    """Return how far a local slope may be from 1: twice as far as the slope over all requests."""
    return 2 * frame.settings.conditioning_margin


def own_variation(column: str, frame: Frame) -> float:
    """Return the share of a request's variance that age, sex and other requests do not explain, 0 to 1."""
    x, _, rows = requested_and_measured(column, frame.generated.sample)
    covariates = _held_equal(column, frame, rows)
    rest = x - covariates @ np.linalg.lstsq(covariates, x, rcond=None)[0]
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
    return line_of(lambda columns: weighted_sums(weights, columns), x, y)


def line_of(sums: Sums, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what `weighted_line` does, from a function that returns weighted sums of columns."""
    x0, y0 = x - x.mean(), y - y.mean()
    columns = np.column_stack([np.ones(len(x)), x0, y0, x0**2, y0**2, x0 * y0])
    n, *rest = sums(columns).T
    mean_x, mean_y, square_x, square_y, product = (total / n for total in rest)
    var_x, var_y, cov = square_x - mean_x**2, square_y - mean_y**2, product - mean_x * mean_y
    with np.errstate(divide="ignore", invalid="ignore"):
        slope, r = cov / var_x, cov / np.sqrt(var_x * var_y)
    return slope, (mean_y + y.mean()) - slope * (mean_x + x.mean()), r
