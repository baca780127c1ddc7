"""Air around a head, where there is any: what scanners record outside the head is noise and ghosts.

Generated and stripped images have an empty background. Measures that divide by its noise would be infinite
or, with a placeholder, wrong; they do not apply there, and `find_air` says why.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from cohorts.errors import MeasurementError
from cohorts.volumes import Volume
from evaluation.tissues import mad

#: Share of the white-matter level above which smoothed grey values belong to the head.
HEAD_LEVEL = 0.1
#: Averages of pure noise scatter less than this around their median.
ABOVE_AIR = 1.5
CLOSING_MM = 10.0
#: Between head and air: what is smeared out of the head.
GAP_MM = 4.0
#: Distance from the brain at which a head has skull, scalp or face, and a stripped image nothing.
SCALP_MM = (10.0, 16.0)
LEAST_SCALP = 0.2
MIN_AIR_VOXELS = 1000
MAX_CONSTANT = 0.5


@dataclass(frozen=True, eq=False)
class Air:
    """Air above and around the head, and the head.

    Attributes
    ----------
    data : ndarray of float32, (I, J, K)
        Grey values of the whole field of view; the median of white matter is 1000.
    mask : ndarray of bool, (I, J, K)
        Air that the scanner saw, not lower than the brain; padding and erased faces are not in it.
    head : ndarray of bool, (I, J, K)
        Everything inside the skin.
    voxel_mm : tuple of float
    """

    data: np.ndarray
    mask: np.ndarray
    head: np.ndarray
    voxel_mm: tuple[float, float, float]

    @cached_property
    def values(self) -> np.ndarray:
        """Grey values of air, (n,)."""
        return self.data[self.mask]

    @cached_property
    def sd(self) -> float:
        """Standard deviation of air."""
        return float(self.values.std(ddof=1))

    @cached_property
    def mad(self) -> float:
        """Median absolute deviation of air, scaled to the standard deviation of a normal distribution."""
        return mad(self.values)


def find_air(image: Volume, brain: np.ndarray, *, step: float) -> Air:
    """Air of a conditioned image.

    Parameters
    ----------
    image : Volume, (I, J, K)
        RAS, white matter 1000.
    brain : ndarray of bool, (I, J, K)
    step : float
        Smallest distance between different grey values.

    Returns
    -------
    Air

    Raises
    ------
    MeasurementError
        When the image is stripped, its background is constant, or coarser than its noise.
    """
    head = head_mask(image, brain)
    _check_scalp(image, brain)
    outside = ~_dilated(head, GAP_MM, image)
    outside[:, :, : int(np.flatnonzero(brain.any(axis=(0, 1)))[0])] = False
    n_outside = int(outside.sum())
    mask = outside & ~_padding(image.data)
    if mask.sum() < max(MIN_AIR_VOXELS, (1 - MAX_CONSTANT) * n_outside):
        share = 1 - mask.sum() / max(n_outside, 1)
        raise MeasurementError(
            f"{share:.0%} of the {n_outside} background voxels hold nothing but one value, so there is no "
            "noise to measure"
        )
    air = Air(image.data, mask, head, image.voxel_size_mm)
    if not air.mad > step / 2:
        raise MeasurementError(
            f"grey values are whole steps of {step:.3g} (white matter is 1000), coarser than the noise of air"
        )
    return air


def head_mask(image: Volume, brain: np.ndarray) -> np.ndarray:
    """Everything inside the skin, bool (I, J, K): what is bright, closed and filled, with the brain.

    Parameters
    ----------
    image : Volume, (I, J, K)
        White matter 1000.
    brain : ndarray of bool, (I, J, K)
    """
    voxel = np.asarray(image.voxel_size_mm)
    factor = np.maximum(np.round(3.0 / voxel), 1).astype(int)
    coarse = ndimage.uniform_filter(image.data, factor)[:: factor[0], :: factor[1], :: factor[2]]
    level = max(HEAD_LEVEL * 1000.0, ABOVE_AIR * _border_median(coarse))
    bright = (coarse > level) | brain[:: factor[0], :: factor[1], :: factor[2]]
    pieces, _ = ndimage.label(bright)
    bright = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    reach = max(1, round(CLOSING_MM / float((voxel * factor).mean())))
    padded = np.pad(bright, reach)
    closed = _within(~_within(padded, reach), reach, invert=True)
    inner = tuple(slice(reach, -reach) for _ in range(3))
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in np.moveaxis(closed[inner], 2, 0)], 2)
    return _enlarged(filled, factor, image.shape) | brain


def _border_median(data: np.ndarray) -> float:
    """Median of the five faces of the field of view that hold no neck."""
    faces = (data[0], data[-1], data[:, 0], data[:, -1], data[:, :, -1])
    return float(np.median(np.concatenate([face.ravel() for face in faces])))


def _within(mask: np.ndarray, reach: int, *, invert: bool = False) -> np.ndarray:
    """Return what lies within `reach` voxels of the mask; inverted, what does not."""
    near = ndimage.distance_transform_edt(~mask) <= reach
    return ~near if invert else near


def _enlarged(mask: np.ndarray, factor: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    for axis, times in enumerate(factor):
        mask = np.repeat(mask, int(times), axis=axis)
    return mask[tuple(slice(0, n) for n in shape)]


def _dilated(mask: np.ndarray, reach_mm: float, image: Volume) -> np.ndarray:
    steps = max(1, round(reach_mm / float(np.mean(image.voxel_size_mm))))
    return ndimage.binary_dilation(mask, iterations=steps)


def _check_scalp(image: Volume, brain: np.ndarray) -> None:
    """Refuse an image without tissue around the brain."""
    near, far = (_dilated(brain, reach_mm, image) for reach_mm in SCALP_MM)
    shell = far & ~near
    tissue = float((image.data[shell] > HEAD_LEVEL * 1000.0).mean()) if shell.any() else 0.0
    if tissue < LEAST_SCALP:
        raise MeasurementError(
            f"the image is stripped to the brain: {tissue:.0%} of what lies {SCALP_MM[0]:g} to "
            f"{SCALP_MM[1]:g} mm from it is as bright as tissue"
        )


def _padding(data: np.ndarray) -> np.ndarray:
    """Return voxels whose neighbourhood of 3 x 3 x 3 holds one value only: padding, erased faces, no air."""
    return ndimage.maximum_filter(data, 3) == ndimage.minimum_filter(data, 3)
