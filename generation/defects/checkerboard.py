"""A regular pattern laid over the image, as transposed convolutions leave it."""

import numpy as np

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.image_scale import bright_level
from plausibrain.generation.injection import defect


@defect(
    label="Checkerboard",
    unit="share of the bright level",
    detects=(7, 8),
    severities=(0.02, 0.05, 0.1),
    level="image",
)
def checkerboard(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Add and subtract a constant on alternating blocks of two voxels inside the head.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid.
    severity : float
        Height of the pattern as a share of the 95th percentile of the brain.
    rng : numpy.random.Generator
        Not used: the pattern is the same in everybody.

    Returns
    -------
    tuple of Volume and LabelMap
        The patterned image and the same labels.
    """
    blocks = sum(axis // 2 for axis in np.indices(image.shape, sparse=True))
    sign = np.where(np.asarray(blocks) % 2 == 0, 1.0, -1.0) * (labels.data > 0)
    pattern = image.data + severity * bright_level(image, labels) * sign
    return Volume(pattern.clip(min=image.data.min()), image.affine), labels
