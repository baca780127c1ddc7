"""Grey values of an image by its labels: how bright it is, and how to paint one tissue like another."""

import numpy as np
from numpy.typing import NDArray

from plausibrain.cohorts.volumes import LabelMap, Volume

FIRST_EXTRACEREBRAL_LABEL = 500


def bright_level(image: Volume, labels: LabelMap) -> float:
    """Return the 95th percentile of the grey values in the brain, of the whole image if there is none."""
    brain = (labels.data > 0) & (labels.data < FIRST_EXTRACEREBRAL_LABEL)
    values = image.data[brain] if brain.any() else image.data
    return float(np.percentile(values, 95))


def fill_like(
    image: Volume, labels: LabelMap, where: NDArray[np.bool_], label: int, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Return image and labels in which some voxels have become another structure.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid.
    where : ndarray of bool, (I, J, K)
        Voxels to change.
    label : int
        The structure they become; if the image has none of it, nothing changes.
    rng : numpy.random.Generator
        Draws each new grey value from those of the structure.

    Returns
    -------
    tuple of Volume and LabelMap
        New objects.
    """
    values = image.data[labels.data == label]
    if not values.size:
        return image, labels
    pixels, new_labels = image.data.copy(), labels.data.copy()
    pixels[where] = rng.choice(values, int(where.sum()))
    new_labels[where] = label
    return Volume(pixels, image.affine), LabelMap(new_labels, labels.affine)
