"""What to tell a network so that it gives what is asked: a curve fitted to told against measured volumes."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.scaler import RequestCurve

#: Least rise of the answer, as a share of the mean rise: where a network does not answer at all, the curve
#: would otherwise be endless.
_LEAST_RISE = 0.1


def fit_curve(told: NDArray[np.float64], measured: NDArray[np.float64], n_knots: int = 6) -> RequestCurve:
    """Return the curve that undoes a network's answer.

    The answer is fitted by lines that bend at quantiles of ``told`` and rise everywhere (least squares); the
    curve is its inverse, so that on average ``measured`` would be what is asked.

    Parameters
    ----------
    told, measured : ndarray, (n,)
        What the network was told and what it gave, in the same units.
    n_knots : int
        Ends included.

    Raises
    ------
    DataError
        When there are fewer than five values a knot, or the answer does not rise.
    """
    if len(told) < 5 * n_knots:
        raise DataError(f"{len(told)} images are too few for a curve of {n_knots} knots; draw 5 a knot")
    knots = np.quantile(told, np.linspace(0, 1, n_knots))
    mean_rise = float(np.cov(told, measured)[0, 1] / np.var(told, ddof=1))
    if mean_rise <= 0:
        raise DataError("what the network gives does not rise with what it is told; no curve can undo that")
    pieces = np.clip(told[:, None] - knots[:-1], 0, np.diff(knots))
    design = np.column_stack([np.ones(len(told)), pieces])
    least = [-np.inf, *(_LEAST_RISE * mean_rise,) * (n_knots - 1)]
    start, *rises = lsq_linear(design, measured, bounds=(least, np.inf)).x
    asked = start + np.concatenate([[0.0], np.cumsum(rises * np.diff(knots))])
    return RequestCurve(tuple(asked.tolist()), tuple(knots.tolist()))
