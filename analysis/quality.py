"""Image quality of two cohorts, measure by measure, among subjects of the same age and sex."""

import numpy as np

from plausibrain.analysis.pair import ROLES, Pair, Role
from plausibrain.analysis.regression import Fit, Moments, fit, with_group
from plausibrain.analysis.spread_ratio import unshrunk

#: Share of real images that count as usual.
USUAL = 0.95


def quality_difference(pair: Pair) -> np.ndarray:
    """Return generated minus reference of every measure, adjusted for age and sex, in reference SDs, (B, k).

    The standard deviation is that of the reference around what age and sex predict, so a cohort whose images
    are all alike does not change the ruler.
    """
    reference, generated = (_moments(pair, role) for role in ROLES)
    with np.errstate(divide="ignore", invalid="ignore"):
        return fit(with_group(reference, generated)).beta[:, -1] / np.sqrt(
            _within(pair, "reference").variance
        )


def log_spread_ratio(pair: Pair) -> np.ndarray:
    """Return the logarithm of the ratio of standard deviations among comparable subjects, (B, k)."""
    variances = []
    for role in ROLES:
        variance = _within(pair, role).variance
        if pair.kind == "bootstrap":
            variance = unshrunk(
                variance, len(pair.side(role).arrays.clusters), len(pair.frame.model(tiv=False))
            )
        variances.append(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 0.5 * np.log(variances[1] / variances[0])


def worst_measure(pair: Pair) -> str:
    """Return the name of the measure that differs most in the first replicate."""
    return pair.frame.measures[int(np.nanargmax(np.abs(quality_difference(pair)[0])))]


def _within(pair: Pair, role: Role) -> Fit:
    return fit(_moments(pair, role))


def _moments(pair: Pair, role: Role) -> Moments:
    return pair.side(role).quality_moments.select(pair.frame.model(tiv=False))


def unusualness(pair: Pair, role: Role) -> np.ndarray:
    """Return how unusual the most unusual measure of every image is, (n,).

    Notes
    -----
    Absolute deviation from what the reference predicts for age and sex, over the 95th percentile of the same
    among all reference images, so that no measure leads for its heavy tails.
    """
    reference = np.abs(pair.frame.reference.quality_deviations)
    usual = np.quantile(reference, USUAL, axis=0)
    own = np.abs(pair.side(role).arrays.quality_deviations)
    return np.asarray((own / np.where(usual > 0, usual, 1.0)).max(axis=1))


def weighted_quantile(values: np.ndarray, weights: np.ndarray, level: float) -> np.ndarray:
    """Return the smallest value that at least a share `level` of the weight does not exceed, (B,).

    Parameters
    ----------
    values : ndarray, (n,)
    weights : ndarray, (B, n)
    level : float
        0 to 1.

    Examples
    --------
    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.array([[1, 1, 1], [0, 2, 1]]), 0.5)
    array([2., 1.])
    """
    order = np.argsort(values, kind="stable")
    cumulative_weight = np.cumsum(weights[:, order], axis=1, dtype=float)
    return np.asarray(
        values[order][np.argmax(cumulative_weight >= level * cumulative_weight[:, -1:] - 1e-9, axis=1)]
    )
