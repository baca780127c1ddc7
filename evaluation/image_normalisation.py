"""The same footing for every image before its quality is measured: grid, mask and grey scale.

Real and generated images come in any orientation, voxel size and scale. Both go through this one function:
RAS, isotropic voxels of one size, a brain mask from the labels, and grey values scaled so that the median of
inner white matter is 1000 (Harmonize of MRIQC does the same with its own white matter).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import LabelMap, Volume, resample, resample_to, to_canonical
from plausibrain.evaluation.air_mask import Air, find_air
from plausibrain.evaluation.spectrum import Spectrum, spectrum_of
from plausibrain.evaluation.tissues import MIN_VOXELS, Tissues, tissue_masks

WHITE_LEVEL = 1000.0
#: Voxel sizes within this share of the wanted one are left alone: interpolation smooths.
SAME_SIZE = 0.02
#: Around the brain, so that gradients at its edge are known.
MARGIN_MM = 4.0
#: A brain with more negative voxels than this is on a scale whose zero is not the absence of signal.
MAX_NEGATIVE = 0.01
_FWHM_PER_SD = 2.3548200450309493


@dataclass(frozen=True, eq=False)
class Scan:
    """One image on the common footing; its attributes are what measures can ask for.

    Attributes
    ----------
    image : Volume
        The box around the brain, RAS, white matter 1000.
    labels : LabelMap
        Same box.
    whole : Volume
        The whole field of view, same voxels and scale.
    whole_labels : LabelMap
    step : float
        Smallest distance between different grey values of the file, on the scale of `image`.
    remarks : tuple of str
        What had to be done to the image.
    """

    image: Volume
    labels: LabelMap
    whole: Volume
    whole_labels: LabelMap
    step: float
    remarks: tuple[str, ...] = ()

    @cached_property
    def tissues(self) -> Tissues:
        """Tissue masks in the box."""
        return Tissues(data=self.image.data, **tissue_masks(self.labels.data))

    @cached_property
    def spectrum(self) -> Spectrum:
        """Power of the spatial frequencies inside the brain."""
        return spectrum_of(self.image, self.tissues)

    @property
    def air(self) -> Air:
        """Air around the head; a `MeasurementError` where there is none that a scanner saw."""
        if isinstance(self._air, str):
            raise MeasurementError(self._air)
        return self._air

    @cached_property
    def _air(self) -> Air | str:
        """Air, or why there is none: looked for once, asked for by several measures.

        The words are kept, not the error: its traceback would hold on to the image.
        """
        try:
            return find_air(self.whole, tissue_masks(self.whole_labels.data)["brain"], step=self.step)
        except MeasurementError as error:
            return str(error)


def condition(image: Volume, labels: LabelMap, *, voxel_mm: float = 1.0) -> Scan:
    """Bring an image and its labels onto the common footing.

    Parameters
    ----------
    image : Volume
        Any orientation, voxel size and scale.
    labels : LabelMap
        FreeSurfer labels; on another grid they are sampled at the nearest voxel.
    voxel_mm : float
        Isotropic working resolution, the same for both cohorts.

    Returns
    -------
    Scan

    Raises
    ------
    MeasurementError
        When the image is not finite, or has no white matter to scale it by.

    Notes
    -----
    A finer image is smoothed before it is sampled more coarsely, by a Gaussian that makes up the difference
    of the voxel sizes in quadrature; a coarser one is interpolated linearly, which does not sharpen it.
    """
    if not np.isfinite(image.data).all():
        raise MeasurementError("some voxels are not finite; repair the image")
    if labels.shape != image.shape or not np.allclose(labels.affine, image.affine, atol=1e-3):
        labels = resample_to(labels, image.shape, image.affine)
    grey, names = _regular_image(image, voxel_mm), _regular_labels(labels, voxel_mm)
    masks = tissue_masks(names.data)
    box = _box(masks["brain"], round(MARGIN_MM / voxel_mm))
    zero, remarks = _zero_level(grey.data, masks["brain"])
    if not _has_size(image, voxel_mm):
        remarks = (*remarks, f"interpolated to {voxel_mm:g} mm, which smooths")
    level = _white_level(grey.data[box], masks["wm"][box]) - zero
    if not level > 0:
        raise MeasurementError(f"the median of white matter is {level:g}; expected a positive grey value")
    grey_level = np.maximum((grey.data - np.float32(zero)) * np.float32(WHITE_LEVEL / level), 0)
    whole = Volume(grey_level, grey.affine)
    return Scan(
        image=Volume(*_crop(whole, box)),
        labels=LabelMap(*_crop(names, box)),
        whole=whole,
        whole_labels=names,
        step=_grey_step(image.data) * WHITE_LEVEL / level,
        remarks=remarks,
    )


def common_voxel_mm(sizes: np.ndarray) -> float:
    """Working resolution that invents no detail: the coarsest axis of the coarser cohort, 1 mm at least.

    Parameters
    ----------
    sizes : ndarray, (n, 3)
        Voxel sizes of a typical image of each cohort, mm.

    Examples
    --------
    >>> common_voxel_mm(np.array([[1.0, 1.0, 1.0], [0.8, 0.8, 0.8]]))
    1.0
    >>> common_voxel_mm(np.array([[1.0, 1.0, 1.0], [1.99, 2.0, 2.0]]))
    2.0
    """
    return float(max(1.0, np.round(np.max(sizes), 2)))


def _has_size(image: Volume | LabelMap, voxel_mm: float) -> bool:
    return bool(np.allclose(image.voxel_size_mm, voxel_mm, rtol=SAME_SIZE))


def _regular_labels(labels: LabelMap, voxel_mm: float) -> LabelMap:
    canonical = to_canonical(labels)
    return canonical if _has_size(canonical, voxel_mm) else resample(canonical, voxel_mm)


def _regular_image(image: Volume, voxel_mm: float) -> Volume:
    canonical = to_canonical(image)
    if _has_size(canonical, voxel_mm):
        return canonical
    sizes = np.asarray(canonical.voxel_size_mm)
    missing_mm = np.sqrt(np.maximum(voxel_mm**2 - sizes**2, 0.0)) / _FWHM_PER_SD
    smooth = ndimage.gaussian_filter(canonical.data, missing_mm / sizes)
    return resample(Volume(smooth, canonical.affine), voxel_mm)


def _box(brain: np.ndarray, margin: int) -> tuple[slice, slice, slice]:
    """Return the box of the brain with a margin, in voxels."""
    if not brain.any():
        raise MeasurementError("the label map holds no structure of the brain; expected FreeSurfer's labels")
    parts = []
    for axis, n in enumerate(brain.shape):
        planes = np.flatnonzero(brain.any(axis=tuple(a for a in range(3) if a != axis)))
        parts.append(slice(max(0, int(planes[0]) - margin), min(n, int(planes[-1]) + 1 + margin)))
    return parts[0], parts[1], parts[2]


def _zero_level(data: np.ndarray, brain: np.ndarray) -> tuple[float, tuple[str, ...]]:
    """Return the grey value that stands for no signal: 0, unless much of the brain is negative."""
    negative = float((data[brain] < 0).mean())
    if negative <= MAX_NEGATIVE:
        return 0.0, ()
    zero = float(np.percentile(data[::2, ::2, ::2], 0.1))
    return zero, (f"{100 * negative:.0f} % of the brain is negative; {zero:.4g} was taken as no signal",)


def _white_level(data: np.ndarray, white: np.ndarray) -> float:
    """Return the median of white matter, without its outermost voxels where enough is left."""
    inner = ndimage.binary_erosion(white, ndimage.generate_binary_structure(3, 2))
    tissue = inner if inner.sum() >= MIN_VOXELS else white
    if tissue.sum() < MIN_VOXELS:
        raise MeasurementError(
            f"{int(white.sum())} voxels of cerebral white matter; at least {MIN_VOXELS} are needed to set "
            "the grey scale"
        )
    return float(np.median(data[tissue]))


def _grey_step(data: np.ndarray) -> float:
    """Return the smallest distance between different grey values, in a sample of the voxels."""
    values = np.unique(data[::3, ::3, ::3])
    return float(np.diff(values.astype(np.float64)).min()) if len(values) > 1 else 0.0


def _crop(image: Volume | LabelMap, box: tuple[slice, slice, slice]) -> tuple[np.ndarray, np.ndarray]:
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [float(part.start) for part in box]
    return image.data[box], affine
