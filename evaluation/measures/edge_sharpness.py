"""Steepness of the border between white matter and cortex, in contrasts per millimetre.

Blur lowers it, whatever the contrast. The border follows the labels, so a segmentation that is off lowers it
too, and noise raises it.
"""

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import MIN_VOXELS, Tissues


@measure(
    label="Sharpness of the cortical border",
    unit="1/mm",
    better="higher",
    bounds=(0.0, np.inf),
    detects={"blur": "falls", "folding_blur": "falls"},
)
def edge_sharpness(image: Volume, tissues: Tissues) -> float:
    """Return the median gradient at the border of white matter and cortex over the contrast of both, 1/mm.

    Notes
    -----
    Border voxels touch the other tissue with a face; the gradient is the central difference, mm in each axis.
    """
    cross = ndimage.generate_binary_structure(3, 1)
    border = (tissues.wm & ndimage.binary_dilation(tissues.gm, cross)) | (
        tissues.gm & ndimage.binary_dilation(tissues.wm, cross)
    )
    n = int(border.sum())
    if n < MIN_VOXELS:
        raise MeasurementError(
            f"{n} voxels on the border of cortex and white matter; {MIN_VOXELS} are needed"
        )
    contrast = tissues.median("wm") - tissues.median("gm")
    if contrast == 0:
        raise MeasurementError("grey and white matter have the same median")
    return float(np.median(_gradient(image, border))) / abs(contrast)


def _gradient(image: Volume, where: np.ndarray) -> np.ndarray:
    """Length of the gradient at some voxels, per mm, (n,)."""
    squares = np.zeros(int(where.sum()))
    indices = np.nonzero(where)
    for axis, size in enumerate(image.voxel_size_mm):
        n = image.data.shape[axis]
        ahead, behind = list(indices), list(indices)
        ahead[axis] = np.minimum(indices[axis] + 1, n - 1)
        behind[axis] = np.maximum(indices[axis] - 1, 0)
        width = (ahead[axis] - behind[axis]) * size
        squares += ((image.data[tuple(ahead)] - image.data[tuple(behind)]) / width) ** 2
    return np.sqrt(squares)
