"""Air around a head, where there is any: what scanners record outside the head is noise and ghosts.

Generated and stripped images have an empty background. Measures that divide by its noise would be infinite
or, with a placeholder, wrong; they do not apply there, and `find_air` says why.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.tissues import mad

#: Share of the white-matter level above which smoothed grey values belong to the head.
HEAD_LEVEL = 0.1
#: Averages of pure noise scatter less than this around their median.
ABOVE_AIR = 1.5
CLOSING_MM = 10.0
COARSE_MM = 3.0
#: Smaller bright pieces are ghosts and spikes, not scalp.
LARGE_MM3 = 5000.0
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
    coarse = _Coarse.of(image, brain)
    _check_scalp(coarse)
    head = _head(coarse)
    away = ndimage.distance_transform_edt(~head, sampling=coarse.voxel_mm)
    outside = coarse.enlarged(away > GAP_MM + max(coarse.voxel_mm) / 2)
    outside[:, :, : int(np.flatnonzero(brain.any(axis=(0, 1)))[0])] = False
    n_outside = int(outside.sum())
    mask = outside & ~_padding(image.data)
    if mask.sum() < max(MIN_AIR_VOXELS, (1 - MAX_CONSTANT) * n_outside):
        share = 1 - mask.sum() / max(n_outside, 1)
        raise MeasurementError(
            f"{100 * share:.0f} % of the {n_outside} background voxels hold nothing but one value, so there "
            "is no noise to measure"
        )
    air = Air(image.data, mask, coarse.enlarged(head) | brain, image.voxel_size_mm)
    if not air.mad > step / 2:
        raise MeasurementError(
            f"grey values are whole steps of {step:.3g} (white matter is 1000), coarser than the noise of air"
        )
    return air


@dataclass(frozen=True, eq=False)
class _Coarse:
    """Image and brain at about 3 mm, where heads are outlined: distances cost little there.

    Attributes
    ----------
    data : ndarray of float32, (I, J, K)
        Local means.
    brain : ndarray of bool, (I, J, K)
    factor : ndarray of int, (3,)
        Fine voxels per coarse one.
    voxel_mm : tuple of float
    shape : tuple of int
        Of the fine image.
    """

    data: np.ndarray
    brain: np.ndarray
    factor: np.ndarray
    voxel_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, image: Volume, brain: np.ndarray) -> "_Coarse":
        sizes = np.asarray(image.voxel_size_mm)
        factor = np.maximum(np.round(COARSE_MM / sizes), 1).astype(int)
        every = tuple(slice(int(f) // 2, None, int(f)) for f in factor)
        size_i, size_j, size_k = (sizes * factor).tolist()
        means = ndimage.uniform_filter(image.data, factor)
        return cls(means[every], brain[every], factor, (size_i, size_j, size_k), image.shape)

    def enlarged(self, mask: np.ndarray) -> np.ndarray:
        """Mask on the fine grid; what the coarse one does not reach repeats its edge."""
        for axis, (times, n) in enumerate(zip(self.factor, self.shape, strict=True)):
            index = np.minimum(np.arange(n) // times, mask.shape[axis] - 1)
            mask = np.take(mask, index, axis=axis)
        return mask


def _head(coarse: _Coarse) -> np.ndarray:
    """Everything inside the skin: large bright pieces, closed and filled, with the brain."""
    level = max(HEAD_LEVEL * 1000.0, ABOVE_AIR * _border_median(coarse.data))
    pieces, _ = ndimage.label((coarse.data > level) | coarse.brain)
    large = np.bincount(pieces.ravel()) * float(np.prod(coarse.voxel_mm)) > LARGE_MM3
    large[0] = False
    bright = large[pieces]
    reach = [(max(1, round(CLOSING_MM / size)),) * 2 for size in coarse.voxel_mm]
    frame = np.pad(bright, reach)
    near = ndimage.distance_transform_edt(~frame, sampling=coarse.voxel_mm) <= CLOSING_MM
    filling = ndimage.distance_transform_edt(near, sampling=coarse.voxel_mm) > CLOSING_MM
    inner = filling[tuple(slice(before, -after) for before, after in reach)] | bright | coarse.brain
    return np.stack([ndimage.binary_fill_holes(inner[:, :, k]) for k in range(inner.shape[2])], axis=2)


def _border_median(data: np.ndarray) -> float:
    """Median of the five faces of the field of view that hold no neck."""
    faces = (data[0], data[-1], data[:, 0], data[:, -1], data[:, :, -1])
    return float(np.median(np.concatenate([face.ravel() for face in faces])))


def _check_scalp(coarse: _Coarse) -> None:
    """Refuse an image without tissue around the brain."""
    away = ndimage.distance_transform_edt(~coarse.brain, sampling=coarse.voxel_mm)
    shell = (away > SCALP_MM[0]) & (away <= SCALP_MM[1])
    level = max(HEAD_LEVEL * 1000.0, ABOVE_AIR * _border_median(coarse.data))
    tissue = float((coarse.data[shell] > level).mean()) if shell.any() else 0.0
    if tissue < LEAST_SCALP:
        raise MeasurementError(
            f"the image is stripped to the brain: {100 * tissue:.0f} % of what lies {SCALP_MM[0]:g} to "
            f"{SCALP_MM[1]:g} mm from it is as bright as tissue"
        )


def _padding(data: np.ndarray) -> np.ndarray:
    """Return voxels whose neighbourhood of 3 x 3 x 3 holds one value only: padding, erased faces, no air."""
    return ndimage.maximum_filter(data, 3) == ndimage.minimum_filter(data, 3)
