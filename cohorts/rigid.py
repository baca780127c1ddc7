"""The rigid transform between matching points, in closed form."""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def fit_rigid(moving: Points, target: Points) -> Points:
    """Return the rotation and translation that bring points nearest to others, (4, 4).

    Parameters
    ----------
    moving, target : ndarray, (n, 3)
        Matching points, n >= 3, not on one line.

    Returns
    -------
    ndarray, (4, 4)
        Never a reflection.

    Notes
    -----
    Kabsch's solution: with both sets centred, the singular vectors of their cross-covariance give the
    rotation; the sign of the last one makes the determinant one.

    References
    ----------
    .. [1] Kabsch1976, p. 922.

    Examples
    --------
    >>> points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]])
    >>> (np.round(fit_rigid(points, points + [5, 0, 0])[:3, 3], 6) + 0.0).tolist()
    [5.0, 0.0, 0.0]
    """
    centre_moving, centre_fixed = moving.mean(axis=0), target.mean(axis=0)
    left, _, right = np.linalg.svd((moving - centre_moving).T @ (target - centre_fixed))
    turn = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left @ turn @ right).T
    transform = np.eye(4)
    transform[:3, :3] = rotation
    transform[:3, 3] = centre_fixed - rotation @ centre_moving
    return transform
