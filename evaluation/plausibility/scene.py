"""One image with its labels as the checks of plausibility see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.structures import TIV
from plausibrain.cohorts.volumes import LabelMap, Volume, resample, to_canonical
from plausibrain.evaluation.alignment import centres
from plausibrain.evaluation.tissues import MIN_VOXELS, tissue_masks

#: All checks that compare images of different voxel sizes look at voxels of this size, mm.
COARSE_MM = 2.0
#: Images with voxels above this have no finer detail; their limits are calibrated apart, mm.
FINE_BELOW_MM = 1.4
#: Hull of the brain: gaps narrower than twice this are closed, mm.
_CLOSING_MM = 16.0
_FLUID = 24


@dataclass(frozen=True, eq=False)
class View:
    """Grey values and labels on one grid; axes right, anterior, superior.

    Attributes
    ----------
    data : ndarray of float32, (I, J, K)
        Grey values; 0 is the image's darkest level, 1 the median of white matter.
    labels : ndarray of int32, (I, J, K)
    voxel_mm : ndarray, (3,)
    """

    data: np.ndarray
    labels: np.ndarray
    voxel_mm: np.ndarray

    @cached_property
    def masks(self) -> dict[str, np.ndarray]:
        """Masks of tissues, as in `plausibrain.evaluation.tissues.tissue_masks`."""
        return tissue_masks(self.labels)

    @cached_property
    def contrast(self) -> float:
        """Median of white matter minus that of cortex, as a share of white matter."""
        wm, gm = (self.data[self.masks[name]] for name in ("wm", "gm"))
        if min(len(wm), len(gm)) < MIN_VOXELS:
            raise MeasurementError("there is too little cortex or white matter to compare")
        difference = float(np.median(wm) - np.median(gm))
        if difference <= 0.01:
            raise MeasurementError("white matter is not brighter than cortex")
        return difference

    @cached_property
    def hull(self) -> np.ndarray:
        """Brain with every gap narrower than 32 mm closed, (I, J, K)."""
        mask = np.pad(self.masks["brain"], 10)
        steps = round(_CLOSING_MM / float(self.voxel_mm.mean()))
        far = ndimage.distance_transform_edt(~mask) > steps
        filling = ndimage.distance_transform_edt(~far) > steps
        inner = tuple(slice(10, -10) for _ in range(3))
        return np.asarray((filling | mask)[inner])


@dataclass(frozen=True, eq=False)
class Scene:
    """What a check may ask for.

    Attributes
    ----------
    native : View
        On the voxels of the file.
    coarse : View
        At 2 mm.
    label_map : LabelMap
        Canonical, on the voxels of the file.
    volumes : mapping of str to float
        mm3, with ``TIV``.
    """

    native: View
    coarse: View
    label_map: LabelMap
    volumes: Mapping[str, float]

    @cached_property
    def centres(self) -> dict[int, np.ndarray]:
        """Centre of every structure, world mm, by FreeSurfer index."""
        return centres(self.label_map)

    @property
    def is_fine(self) -> bool:
        """Whether the voxels are finer than 1.4 mm."""
        return float(self.native.voxel_mm.max()) < FINE_BELOW_MM

    @property
    def tiv_ml(self) -> float:
        """Total intracranial volume, mL."""
        return float(self.volumes[TIV]) / 1000


def make_scene(
    image: Volume,
    labels: LabelMap,
    volumes: Mapping[str, float],
) -> Scene:
    """Return the scene of an image and its labels, cropped to the brain.

    Parameters
    ----------
    image : Volume
    labels : LabelMap
        On the grid of ``image``.
    volumes : mapping of str to float
        mm3, with ``TIV``.

    Raises
    ------
    MeasurementError
        When no brain is labelled.
    """
    picture, names = to_canonical(image), to_canonical(labels)
    box = _box(names.data > 0, np.asarray(names.voxel_size_mm))
    affine = names.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [float(part.start) for part in box]
    low = float(np.percentile(picture.data[::3, ::3, ::3], 0.5))
    data = picture.data[box] - np.float32(low)
    white = data[tissue_masks(names.data[box])["wm"]]
    if len(white) < MIN_VOXELS or not np.median(white) > 0:
        raise MeasurementError("no white matter is labelled")
    box_image = Volume(data / np.float32(np.median(white)), affine)
    cropped_labels = LabelMap(names.data[box], affine)
    return Scene(
        _view(box_image, cropped_labels), _coarse(box_image, cropped_labels), cropped_labels, volumes
    )


def _box(mask: np.ndarray, voxel_mm: np.ndarray) -> tuple[slice, slice, slice]:
    if not mask.any():
        raise MeasurementError("no brain is labelled")
    margin = np.ceil(6 / voxel_mm).astype(int)
    parts = ndimage.find_objects(mask.astype(np.int8))[0]
    i, j, k = (
        slice(max(0, part.start - m), min(n, part.stop + m))
        for part, m, n in zip(parts, margin, mask.shape, strict=True)
    )
    return i, j, k


def _view(image: Volume, labels: LabelMap) -> View:
    return View(image.data, labels.data, np.asarray(image.voxel_size_mm))


def _coarse(image: Volume, labels: LabelMap) -> View:
    sizes = np.asarray(image.voxel_size_mm)
    sigma = np.where(sizes < 0.75 * COARSE_MM, 0.4 * COARSE_MM / sizes, 0.0)
    smooth = Volume(ndimage.gaussian_filter(image.data, sigma), image.affine)
    return _view(resample(smooth, COARSE_MM), resample(labels, COARSE_MM))
