"""Means and covariances of clouds, and the Fréchet distance of normal distributions."""

from dataclasses import dataclass

import numpy as np

#: Fewest vectors for a covariance that is worth the name.
MIN_VECTORS = 10


@dataclass(frozen=True)
class CloudMoments:
    """Mean and a factor of the covariance.

    Attributes
    ----------
    mean : ndarray, (d,)
    factor : ndarray, (r, d)
        Covariance = factor' factor.
    """

    mean: np.ndarray
    factor: np.ndarray


def moments_of(vectors: np.ndarray) -> CloudMoments:
    """Return mean and covariance (n - 1 in the denominator) of vectors, (n, d); NaN for fewer than 10."""
    x = np.asarray(vectors, dtype=float)
    if len(x) < MIN_VECTORS:
        return CloudMoments(np.full(x.shape[1], np.nan), np.full((1, x.shape[1]), np.nan))
    mean = x.mean(axis=0)
    rows = (x - mean) / np.sqrt(len(x) - 1)
    if len(x) > x.shape[1]:
        rows = np.asarray(np.linalg.qr(rows, mode="r"))
    return CloudMoments(mean, rows)


def shrunk_moments_of(vectors: np.ndarray) -> CloudMoments:
    """Return the mean and the covariance shrunk as far as its own noise asks for.

    Notes
    -----
    Covariance S with n in the denominator, a = tr S / d, and the mean over subjects of |x x' - S|² / n set
    against |S - a I|²: their ratio is the share of a I (Ledoit & Wolf 2004, section 3.3, with their
    estimators).
    """
    x = np.asarray(vectors, dtype=float)
    n, d = x.shape
    if n < MIN_VECTORS:
        return moments_of(x)
    mean = x.mean(axis=0)
    deviations = x - mean
    covariance = deviations.T @ deviations / n
    level = np.trace(covariance) / d
    spread = ((covariance - level * np.eye(d)) ** 2).sum()
    noise = ((deviations**2).sum(axis=1) ** 2).sum() / n**2 - (covariance**2).sum() / n
    share = min(max(noise / spread, 0.0), 1.0) if spread > 0 else 1.0
    shrunk = (1 - share) * covariance + share * level * np.eye(d)
    values, axes = np.linalg.eigh(shrunk)
    return CloudMoments(mean, np.sqrt(np.maximum(values, 0.0))[:, None] * axes.T)


def frechet_distance(first: CloudMoments, second: CloudMoments) -> float:
    """Return |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½).

    Notes
    -----
    With S1 = A'A and S2 = B'B the trace of the root is the sum of the singular values of A B', which needs no
    matrix root, no regularisation, and for fewer vectors than dimensions no matrix larger than the vectors.

    Examples
    --------
    >>> one = CloudMoments(np.array([0.0]), np.array([[1.0]]))
    >>> frechet_distance(one, CloudMoments(np.array([3.0]), np.array([[2.0]])))
    10.0
    """
    gap = first.mean - second.mean
    traces = (first.factor**2).sum() + (second.factor**2).sum()
    if not np.isfinite(traces):
        return float("nan")
    roots = np.linalg.svd(first.factor @ second.factor.T, compute_uv=False).sum()
    return max(float(gap @ gap + traces - 2 * roots), 0.0)
