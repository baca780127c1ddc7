"""Smoothness of the image inside the brain, as the width of a Gaussian that would make it.

The most telling number for generators, which smooth. Anatomy itself is smooth, so even a perfectly sharp
image has a width of some millimetres; and interpolation to another voxel size smooths, so images should come
at one resolution. Along an axis with thicker slices it is larger.
"""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import MIN_VOXELS, Tissues

_AXES = {"right": 0, "anterior": 1, "superior": 2}


@measure(
    label="Smoothness (FWHM)",
    unit="mm",
    better="lower",
    bounds=(0.0, np.inf),
    source=("Forman1995", "Esteban2017"),
    parts={
        "mean": "mean of the axes",
        "right": "left to right",
        "anterior": "back to front",
        "superior": "foot to head",
    },
    detects={"blur": "rises", "noise": "falls", "checkerboard": "falls"},
)
def fwhm(image: Volume, tissues: Tissues, part: str) -> float:
    """Return the full width at half maximum along an axis, or the mean over the axes, mm.

    Notes
    -----
    FWHM = d sqrt(-2 ln 2 / ln(1 - v / (2 s))), with d the voxel size, v the mean squared difference of
    neighbours inside the brain and s the variance inside the brain: what AFNI's 3dFWHMx and thereby MRIQC
    compute, there in voxels. Where neighbours differ as much as strangers (v >= 2 s) there is no width.

    References
    ----------
    Forman et al. 1995, equation A8 (key Forman1995).
    """
    axes = _AXES.values() if part == "mean" else (_AXES[part],)
    return float(np.mean([_along(image, tissues, axis) for axis in axes]))


def _along(image: Volume, tissues: Tissues, axis: int) -> float:
    brain, data = tissues.brain, tissues.data
    ahead: list[slice] = [slice(None)] * 3
    behind = ahead.copy()
    ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
    both = brain[tuple(ahead)] & brain[tuple(behind)]
    steps = (data[tuple(ahead)] - data[tuple(behind)])[both]
    if len(steps) < MIN_VOXELS:
        raise MeasurementError(f"{len(steps)} neighbours in the brain; at least {MIN_VOXELS} are needed")
    variance = float(tissues.brain_values.var(dtype=np.float64))
    ratio = float(np.mean(np.square(steps, dtype=np.float64))) / (2 * variance) if variance else 0.0
    if not 0 < ratio < 1:
        raise MeasurementError("neighbouring voxels are equal everywhere, or differ as much as strangers")
    return image.voxel_size_mm[axis] * float(np.sqrt(-2 * np.log(2) / np.log(1 - ratio)))
