"""Effect sizes by their published definitions, from sums of products, for many replicates at once."""

import numpy as np

from plausibrain.analysis.regression import Moments, fit


def pooled_slope(reference: Moments, generated: Moments, *, column: int) -> np.ndarray:
    """Return the slope of every outcome on one design column over both cohorts, nothing else adjusted."""
    return fit((reference + generated).select([0, column])).beta[:, 1]


def cohens_d(reference: Moments, generated: Moments, *, headsize: int | None = None) -> np.ndarray:
    """Return (mean_generated - mean_reference) / sqrt((var_reference + var_generated) / 2), (B, s).

    Parameters
    ----------
    reference, generated : Moments
        The first design column is the constant. Variances have n in the denominator.
    headsize : int, optional
        Design column of head size, regressed out first with one slope pooled over both cohorts.

    References
    ----------
    Wu et al. 2024 (key Wu2024): the released procedure.
    """
    sides = [reference, generated]
    if headsize is not None:
        slope = pooled_slope(reference, generated, column=headsize)
        sides = [m.without_linear(slope, column=headsize) for m in sides]
    mean = [m.xy[:, 0] / m.n[:, None] for m in sides]
    variance = [np.maximum(m.yy / m.n[:, None] - u**2, 0.0) for m, u in zip(sides, mean, strict=True)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return (mean[1] - mean[0]) / np.sqrt((variance[0] + variance[1]) / 2)
