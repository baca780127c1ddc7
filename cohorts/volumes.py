"""Images and label maps on their grids; the only module that opens image files.

Arrays keep the axis order of the file: axes I, J, K, C-contiguous. The affine maps voxel indices to world
mm, RAS+.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform
from scipy import ndimage

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.image_files import check_affine, decode, decode_affine, encode

_CANONICAL = np.array([[0, 1], [1, 1], [2, 1]])
_INT32 = np.iinfo(np.int32)
#: What slope and intercept of a header may leave of a whole number: 510.9999 is 511.
_ROUNDING = 0.01
#: Planes that are interpolated at a time.
_SLAB = 8


class _Grid:
    """What images and label maps share: a shape and a place in the world."""

    data: np.ndarray
    affine: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along I, J and K."""
        size_i, size_j, size_k = self.data.shape
        return size_i, size_j, size_k

    @property
    def voxel_size_mm(self) -> tuple[float, float, float]:
        """Length of a voxel along I, J and K, mm."""
        size_i, size_j, size_k = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return size_i, size_j, size_k

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of a voxel, mm3."""
        step_i, step_j, step_k = self.affine[:3, :3].T
        return float(abs(step_i @ np.cross(step_j, step_k)))


@dataclass(frozen=True, eq=False)
class Volume(_Grid):
    """A grey-value image.

    Parameters
    ----------
    data : ndarray, (I, J, K)
        Becomes float32, C-contiguous. Values may be non-finite: whether that is allowed is not decided here.
    affine : ndarray, (4, 4)
        Voxel indices to world mm, RAS+; invertible.
    remarks : tuple of str
        What was odd in the header of the file.

    Raises
    ------
    DataError
        When the shapes are wrong or the affine is singular.
    """

    data: np.ndarray
    affine: np.ndarray
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes infinite
            _set_grid(self, np.ascontiguousarray(_three_axes(self.data), dtype=np.float32))


@dataclass(frozen=True, eq=False)
class LabelMap(_Grid):
    """An image of structure labels (FreeSurfer's, where nothing else is said).

    Parameters
    ----------
    data : ndarray, (I, J, K)
        Whole numbers; becomes int32, C-contiguous.
    affine : ndarray, (4, 4)
        Voxel indices to world mm, RAS+; invertible.
    remarks : tuple of str
        What was odd in the header of the file.

    Raises
    ------
    DataError
        When a value is not a whole number, the shapes are wrong or the affine is singular.
    """

    data: np.ndarray
    affine: np.ndarray
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _set_grid(self, np.ascontiguousarray(_whole_numbers(_three_axes(self.data))))


Grid = TypeVar("Grid", Volume, LabelMap)


def read_volume(path: str | os.PathLike[str], content: bytes | None = None) -> Volume:
    """Image of a NIfTI-1, NIfTI-2 or MGH file.

    Parameters
    ----------
    path : path-like
        Ends in ``.nii``, ``.nii.gz``, ``.mgz`` or ``.mgh``.
    content : bytes, optional
        Of the file, where it was read before.

    Returns
    -------
    Volume

    Raises
    ------
    DataError
        When the file is absent, broken, too large, coloured, complex, or holds several volumes.
    """
    image = decode(Path(path), content)
    return Volume(image.data, image.affine, image.remarks)


def read_label_map(path: str | os.PathLike[str], content: bytes | None = None) -> LabelMap:
    """Label map of a NIfTI-1, NIfTI-2 or MGH file.

    Parameters
    ----------
    path, content
        As for `read_volume`.

    Returns
    -------
    LabelMap

    Raises
    ------
    DataError
        As for `read_volume`, and when a value is not a whole number.
    """
    image = decode(Path(path), content)
    try:
        return LabelMap(image.data, image.affine, image.remarks)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def read_voxel_size_mm(path: str | os.PathLike[str]) -> tuple[float, float, float]:
    """Length of the voxels of an image file along I, J and K, mm, from its header alone.

    Raises
    ------
    DataError
        As for `read_volume`, for what the header shows.
    """
    size_i, size_j, size_k = np.linalg.norm(decode_affine(Path(path))[:3, :3], axis=0).tolist()
    return size_i, size_j, size_k


def write_volume(volume: Volume, path: str | os.PathLike[str]) -> Path:
    """Write an image as float32, atomically.

    Parameters
    ----------
    volume : Volume
        The image.
    path : path-like
        Ends in ``.nii``, ``.nii.gz``, ``.mgz`` or ``.mgh``.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        For another ending.
    """
    return encode(volume.data, volume.affine, Path(path))


def write_label_map(labels: LabelMap, path: str | os.PathLike[str]) -> Path:
    """Write a label map as int16, or int32 where labels need it, atomically.

    Parameters
    ----------
    labels : LabelMap
        The label map.
    path : path-like
        Ends in ``.nii``, ``.nii.gz``, ``.mgz`` or ``.mgh``.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        For another ending.
    """
    small = np.iinfo(np.int16)
    fits = labels.data.min(initial=0) >= small.min and labels.data.max(initial=0) <= small.max
    return encode(labels.data.astype(np.int16 if fits else np.int32), labels.affine, Path(path))


def to_canonical(image: Grid) -> Grid:
    """Permute and flip the axes so that I, J, K run nearest to right, anterior, superior.

    Parameters
    ----------
    image : Volume or LabelMap
        On any grid, left-handed ones included.

    Returns
    -------
    Volume or LabelMap
        The same voxels at the same places in the world.
    """
    return _reorient(image, io_orientation(image.affine))


def from_canonical(image: Grid, like: Volume | LabelMap) -> Grid:
    """Undo `to_canonical`: bring a result back to the storage order of the image it was made from.

    Parameters
    ----------
    image : Volume or LabelMap
        On the grid of ``to_canonical(like)``.
    like : Volume or LabelMap
        The original.

    Returns
    -------
    Volume or LabelMap
        On the grid of `like`.

    Raises
    ------
    DataError
        When the image is not on that grid.
    """
    back = ornt_transform(_CANONICAL, io_orientation(like.affine))
    result = _reorient(image, back)
    if result.shape != like.shape or not np.allclose(result.affine, like.affine, atol=1e-3):
        raise DataError(
            f"an image of shape {image.shape} is not on the canonical grid of one of shape {like.shape}; "
            "resample it"
        )
    return type(image)(result.data, like.affine, image.remarks)


def resample(image: Grid, voxel_size_mm: float) -> Grid:
    """Resample the image on an isotropic grid with the same axes, centre and field of view.

    Parameters
    ----------
    image : Volume or LabelMap
        On any grid.
    voxel_size_mm : float
        Length of the new voxels, mm.

    Returns
    -------
    Volume or LabelMap
        Linear between voxels for images, nearest voxel for labels, zero outside. Nothing is smoothed first.

    Raises
    ------
    DataError
        When the size is not positive or the new grid would be absurdly large.

    Examples
    --------
    >>> image = Volume(np.ones((4, 4, 4)), np.diag([2.0, 2.0, 2.0, 1.0]))
    >>> resample(image, 1.0).shape
    (8, 8, 8)
    """
    if not 0.05 <= voxel_size_mm <= 100:
        raise DataError(f"a voxel size of {voxel_size_mm} mm makes no sense; use 0.05 to 100 mm")
    sizes = np.asarray(image.voxel_size_mm)
    extent = sizes * image.shape
    shape = np.maximum(np.round(extent / voxel_size_mm), 1).astype(int)
    affine = image.affine.copy()
    affine[:3, :3] *= voxel_size_mm / sizes
    centre = image.affine[:3, :3] @ ((np.asarray(image.shape) - 1) / 2) + image.affine[:3, 3]
    affine[:3, 3] = centre - affine[:3, :3] @ ((shape - 1) / 2)
    return resample_to(image, (int(shape[0]), int(shape[1]), int(shape[2])), affine)


def resample_to(image: Grid, shape: tuple[int, int, int], affine: np.ndarray) -> Grid:
    """Resample the image on another grid, by places in the world.

    Parameters
    ----------
    image : Volume or LabelMap
        On any grid.
    shape : tuple of int
        Voxels of the new grid.
    affine : ndarray, (4, 4)
        The new grid's indices to world mm.

    Returns
    -------
    Volume or LabelMap
        Linear between voxels for images, nearest voxel for labels, zero outside.

    Raises
    ------
    DataError
        When the affine is singular.
    """
    check_affine(np.asarray(affine, dtype=np.float64), "the new grid")
    to_source = np.linalg.inv(image.affine) @ affine
    order = 0 if isinstance(image, LabelMap) else 1
    if order == 1 and _is_diagonal(to_source, shape):
        data = _linear_by_axis(image.data, to_source, shape)
        return type(image)(data, affine, image.remarks)
    data = ndimage.affine_transform(
        image.data, to_source[:3, :3], to_source[:3, 3], output_shape=shape, order=order, mode="grid-constant"
    )
    return type(image)(data, affine, image.remarks)


def _is_diagonal(to_source: np.ndarray, shape: tuple[int, int, int]) -> bool:
    """Whether the axes of both grids run along each other, to a thousandth of a voxel."""
    off_diagonal = to_source[:3, :3] - np.diag(np.diag(to_source[:3, :3]))
    return float((np.abs(off_diagonal) * shape).sum(1).max()) < 1e-3


def _linear_by_axis(data: np.ndarray, to_source: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Interpolate linearly along one axis after the other; what lies outside is zero.

    Gives what an affine transform does, in double precision as there, with 6 products a voxel instead of 24.
    Slab by slab, so that what lies between two axes stays in the processor's cache.
    """
    ends = [
        _ends(size, n, to_source[axis, axis], to_source[axis, 3])
        for axis, (size, n) in enumerate(zip(data.shape, shape, strict=True))
    ]
    out = np.empty(shape, np.float32)
    for start in range(0, shape[0], _SLAB):
        here = slice(start, start + _SLAB)
        slab = _along(data, 0, [(index[here], weight[here]) for index, weight in ends[0]])
        slab = _along(_along(slab, 1, ends[1]), 2, ends[2])
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes infinite
            out[here] = slab
    return out


_Ends = list[tuple[np.ndarray, np.ndarray]]


def _ends(size: int, n: int, step: float, start: float) -> _Ends:
    """Return index and weight of the voxels before and after each of n places along an axis."""
    place = step * np.arange(n) + start
    low = np.floor(place).astype(int)
    part = place - low
    return [
        (index, weight * (index >= 0) * (index < size))
        for index, weight in ((low, 1 - part), (low + 1, part))
    ]


def _along(data: np.ndarray, axis: int, ends: _Ends) -> np.ndarray:
    """Return the weighted sum of the voxels before and after each place along one axis."""
    shape = [1, 1, 1]
    shape[axis] = -1
    first, second = (data.take(index, axis, mode="clip") * weight.reshape(shape) for index, weight in ends)
    first += second
    return first


def _reorient(image: Grid, orientation: np.ndarray) -> Grid:
    data = apply_orientation(image.data, orientation)
    affine = image.affine @ inv_ornt_aff(orientation, image.shape)
    return type(image)(data, affine, image.remarks)


def _set_grid(image: _Grid, data: np.ndarray) -> None:
    """Store checked arrays in a frozen dataclass."""
    affine = np.array(image.affine, dtype=np.float64)
    check_affine(affine, "image")
    object.__setattr__(image, "data", data)
    object.__setattr__(image, "affine", affine)


def _three_axes(data: np.ndarray) -> np.ndarray:
    array = np.asarray(data)
    if array.ndim != 3 or array.size == 0:
        raise DataError(f"an image has three axes and at least one voxel, not shape {array.shape}")
    return array


def _whole_numbers(data: np.ndarray) -> np.ndarray:
    if data.dtype == np.int32:
        return data
    if data.dtype.kind == "f":
        whole = np.round(data)
        bad = data[~(np.isfinite(data) & (np.abs(data - whole) <= _ROUNDING))]
        if bad.size:
            raise DataError(
                f"a label is {bad.flat[0]}; labels are whole numbers, this looks like a grey-value image"
            )
        data = whole
    if data.size and (data.min() < _INT32.min or data.max() > _INT32.max):
        raise DataError("a label does not fit into 32 bits; use a label map with small labels")
    return data.astype(np.int32)
