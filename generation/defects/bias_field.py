"""A smooth gain over the head: the same tissue bright here and dark there."""

import numpy as np
from scipy.ndimage import zoom

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.injection import defect

KNOTS = 4


@defect(
    label="Bias field", unit="SD of the log gain", detects=(7,), severities=(0.1, 0.2, 0.4), level="image"
)
def bias_field(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Multiply the image by a smooth random gain.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid.
    severity : float
        Standard deviation of the log gain over the image.
    rng : numpy.random.Generator
        Draws the gain at 4 x 4 x 4 knots; cubic splines join them.

    Returns
    -------
    tuple of Volume and LabelMap
        The shaded image and the same labels.
    """
    knots = rng.standard_normal((KNOTS, KNOTS, KNOTS))
    log_gain = zoom(knots, [n / KNOTS for n in image.shape], order=3, mode="nearest", grid_mode=True)
    log_gain *= severity / log_gain.std()
    return Volume(image.data * np.exp(log_gain), image.affine), labels
