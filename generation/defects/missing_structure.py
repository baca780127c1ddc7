"""A structure that is not there: white matter has grown over it."""

import numpy as np

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.image_scale import fill_like
from plausibrain.generation.injection import defect

STRUCTURE, SURROUNDING = 17, 2


@defect(
    label="Missing hippocampus",
    unit="share of the structure",
    detects=(1, 2),
    severities=(0.25, 0.5, 1.0),
    level="image",
)
def missing_structure(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Turn the left hippocampus, from behind forwards, into white matter.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid; a subject without the structure or without white matter stays as it is.
    severity : float
        Share of its voxels, 0 to 1.
    rng : numpy.random.Generator
        Draws the grey values of the new white matter.

    Returns
    -------
    tuple of Volume and LabelMap
        Image and labels without it.
    """
    voxels = np.argwhere(labels.data == STRUCTURE)
    order = np.argsort(voxels @ image.affine[1, :3], kind="stable")
    gone = np.zeros(labels.shape, bool)
    gone[tuple(voxels[order[: round(severity * len(voxels))]].T)] = True
    return fill_like(image, labels, gone, SURROUNDING, rng)
