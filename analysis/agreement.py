"""Do two maps of effects over structures agree? Slopes and coefficients that know their noise."""

import numpy as np


def recovered(reference: np.ndarray, generated: np.ndarray, reference_se2: np.ndarray) -> np.ndarray:
    """Return the factor by which the generated map scales the reference map.

    1 when every effect is reproduced, 0 when none is, 0.5 when all are halved. The reference's own noise
    would pull the factor towards zero; its expected share is taken out of the denominator.

    Parameters
    ----------
    reference, generated : ndarray, (B, s)
        Effects per structure, in units that make structures comparable.
    reference_se2 : ndarray, (B, s)
        Squared standard errors of `reference`.

    Returns
    -------
    ndarray, (B,)
        NaN where the reference map is not larger than its noise.

    Notes
    -----
    f = Σ r g / (Σ r² - Σ se²): least squares through the origin with the method-of-moments
    correction for errors in the regressor.

    References
    ----------
    Fuller, Measurement Error Models, section 1.2 (key Fuller1987).

    Examples
    --------
    >>> recovered(np.array([[1.0, -2.0]]), np.array([[0.5, -1.0]]), np.zeros((1, 2))).tolist()
    [0.5]
    """
    signal = (reference**2).sum(axis=1) - reference_se2.sum(axis=1)
    usable = signal > 0
    return np.where(usable, (reference * generated).sum(axis=1) / np.where(usable, signal, 1.0), np.nan)


def deming_slope(
    reference: np.ndarray, generated: np.ndarray, variance_ratio: np.ndarray | float
) -> np.ndarray:
    """Return the Deming slope of generated on reference effects, both measured with error.

    Parameters
    ----------
    reference, generated : ndarray, (B, s)
    variance_ratio : float or ndarray, (B,)
        Error variance of `generated` over that of `reference`.

    References
    ----------
    Cornbleet & Gochman 1979, equation 3 (key Cornbleet1979).

    Examples
    --------
    >>> deming_slope(np.array([[0.0, 1.0, 2.0]]), np.array([[1.0, 3.0, 5.0]]), 1.0).round(9).tolist()
    [2.0]
    """
    x = reference - reference.mean(axis=1, keepdims=True)
    y = generated - generated.mean(axis=1, keepdims=True)
    sxx, syy, sxy = (x * x).mean(axis=1), (y * y).mean(axis=1), (x * y).mean(axis=1)
    gap = syy - variance_ratio * sxx
    with np.errstate(divide="ignore", invalid="ignore"):
        return (gap + np.sqrt(gap**2 + 4 * variance_ratio * sxy**2)) / (2 * sxy)


def concordance(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Return Lin's concordance correlation coefficient over structures, (B,).

    References
    ----------
    Lin 1989, equation 2 (key Lin1989).
    """
    mean_x, mean_y = reference.mean(axis=1), generated.mean(axis=1)
    x, y = reference - mean_x[:, None], generated - mean_y[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (x * x).mean(axis=1) + (y * y).mean(axis=1) + (mean_x - mean_y) ** 2
        return 2 * (x * y).mean(axis=1) / spread


def sign_agreement(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Return the share of structures whose effects point the same way, (B,)."""
    return (np.sign(reference) == np.sign(generated)).mean(axis=1)
