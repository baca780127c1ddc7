"""A header that lies about the voxel size: every volume wrong by the same factor."""

import numpy as np

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.injection import defect


@defect(
    label="Wrong affine",
    unit="share added to the voxel size",
    detects=(1, 2),
    severities=(0.02, 0.05, 0.2),
    level="image",
)
def wrong_affine(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Multiply the voxel size in the header; the voxels stay.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid.
    severity : float
        Share added to each edge of a voxel.
    rng : numpy.random.Generator
        Not used: the header is wrong in the same way in everybody.

    Returns
    -------
    tuple of Volume and LabelMap
        Both with the wrong affine.
    """
    affine = image.affine.copy()
    affine[:3, :3] *= 1.0 + severity
    return Volume(image.data, affine), LabelMap(labels.data, affine)
