"""Images too smooth: the look of a generator trained on squared error; volumes hardly change."""

import numpy as np
from scipy.ndimage import gaussian_filter

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.injection import defect


@defect(label="Blur", unit="mm (SD)", detects=(7,), severities=(0.5, 1.0, 1.5, 2.0), level="image")
def blur(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Convolve the image with a Gaussian.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid.
    severity : float
        Standard deviation, mm.
    rng : numpy.random.Generator
        Not used: the same blur in everybody.

    Returns
    -------
    tuple of Volume and LabelMap
        The blurred image and the same labels.
    """
    widths = [severity / size for size in image.voxel_size_mm]
    return Volume(gaussian_filter(image.data, widths), image.affine), labels
