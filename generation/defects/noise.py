"""Images too noisy: detail drowns, contrast between tissues stays."""

import numpy as np

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.image_scale import bright_level
from plausibrain.generation.injection import defect


@defect(
    label="Noise",
    unit="share of the bright level",
    detects=(7,),
    severities=(0.03, 0.06, 0.12),
    level="image",
)
def noise(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Add Rician noise: the magnitude of a signal with Gaussian noise in both channels.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid.
    severity : float
        Standard deviation in each channel as a share of the 95th percentile of the brain.
    rng : numpy.random.Generator
        Draws the noise.

    Returns
    -------
    tuple of Volume and LabelMap
        The noisy image and the same labels.
    """
    sd = severity * bright_level(image, labels)
    real, imaginary = sd * rng.standard_normal((2, *image.shape), dtype=np.float32)
    return Volume(np.hypot(image.data + real, imaginary), image.affine), labels
