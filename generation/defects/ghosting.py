"""A second, shifted copy of the head, as movement along the phase-encoding axis leaves it."""

import numpy as np

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.injection import defect


@defect(
    label="Ghosting", unit="share of the signal", detects=(7,), severities=(0.05, 0.1, 0.2), level="image"
)
def ghosting(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Scale every second line of k-space along J, which adds a copy shifted by half the field of view.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid.
    severity : float
        Share of the signal that moves into the ghost.
    rng : numpy.random.Generator
        Not used: the ghost is the same in everybody.

    Returns
    -------
    tuple of Volume and LabelMap
        The image with its ghost and the same labels.

    Notes
    -----
    Multiplying odd lines by ``1 - 2 s`` gives ``(1 - s) image + s shifted`` (magnitude taken).
    """
    lines = np.fft.fft(image.data, axis=1)
    lines[:, 1::2] *= 1.0 - 2.0 * severity
    return Volume(np.abs(np.fft.ifft(lines, axis=1)).astype(np.float32), image.affine), labels
