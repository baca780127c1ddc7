"""Which pairs of images are compared: a random ring, so that every image takes part equally often."""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError


def ring_pairs(subjects: np.ndarray, n_pairs: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return pairs of images of different subjects, in an order in which neighbours share images.

    Parameters
    ----------
    subjects : ndarray of str, (n,)
        Whose image each is; two images of one subject are no pair.
    n_pairs : int
        At least so many, if there are so many; with more images than pairs, images are left out.
    rng : numpy.random.Generator
        Same seed, same pairs.

    Returns
    -------
    list of (int, int)
        Positions in `subjects`.

    Raises
    ------
    MeasurementError
        With fewer than two subjects.

    Notes
    -----
    Images are put on a ring in random order and each is paired with the next k. All images then take part in
    2 k pairs, each pair is as likely as any other, and whoever walks along the ring needs k + 1 images at a
    time.

    Examples
    --------
    >>> ring_pairs(np.array(["a", "b", "c"]), 3, np.random.default_rng(0))
    [(2, 0), (0, 1), (1, 2)]
    """
    if len(np.unique(subjects)) < 2:
        raise MeasurementError("pairs need images of at least two subjects")
    order = rng.permutation(len(subjects))
    n = len(order)
    ahead = max(1, min(-(-n_pairs // n), (n - 1) // 2))
    if n > n_pairs >= 3:  # a ring of two is one pair
        order, n = order[:n_pairs], n_pairs
    places = [(i, (i + k) % n) for i in range(n) for k in range(1, ahead + 1)]
    unique = places[:1] if n == 2 else places
    pairs = [(int(order[i]), int(order[j])) for i, j in unique]
    return [(i, j) for i, j in pairs if subjects[i] != subjects[j]]
