"""Each image squeezed into 256 grey values of its own, the brightest cut off: a careless saver."""

import numpy as np

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.injection import defect

LEVELS = 255
TINY = 1e-30


@defect(
    label="Clipping to 8 bits",
    unit="share of voxels cut off",
    detects=(7,),
    severities=(0.01, 0.05, 0.1),
    level="image",
)
def intensity_clipping(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Clip the brightest share of the head and round to 256 levels, image by image.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid.
    severity : float
        Share of the voxels inside the head that is cut off; 0 leaves the image as it is.
    rng : numpy.random.Generator
        Not used: nothing is random.

    Returns
    -------
    tuple of Volume and LabelMap
        The image with values 0 to 255 and the same labels.
    """
    if severity == 0:
        return image, labels
    inside = image.data[labels.data > 0]
    top = float(np.quantile(inside if inside.size else image.data, 1.0 - severity))
    low = float(image.data.min())
    levels = (image.data.clip(low, top) - low) / max(top - low, TINY)
    return Volume(np.round(LEVELS * levels), image.affine), labels
