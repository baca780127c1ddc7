"""Three planes of an image as a small picture, and a small volume: what a page shows of a case."""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import Grid, LabelMap, Volume, resample_to, to_canonical
from plausibrain.evaluation.alignment import FIELD_MM as COMMON_MM
from plausibrain.evaluation.alignment import common_grid
from plausibrain.evaluation.image_normalisation import WHITE_LEVEL, Scan, condition
from plausibrain.evaluation.standard_brain import WHITE, brain_of
from plausibrain.evaluation.tissues import tissue_masks

#: Pixels of the picture, mm.
PIXEL_MM = 1.5
#: Voxels of the small volume, mm.
VOLUME_MM = 2.0
#: Field of view around the middle of the brain, right, anterior, superior, mm.
FIELD_MM = (168.0, 204.0, 168.0)
#: Brightest grey value shown; white matter is 1000.
BRIGHTEST = 1.3 * WHITE_LEVEL
#: What each plane is perpendicular to: the long axis of the body, front and back, right and left.
CUT_AXES = (2, 1, 0)
#: Colour types of PNG, and the colour of outlines: yellow stands out from grey for every colour vision.
GREYS, PALETTE = 0, 3
OUTLINE_RGB = (255, 196, 0)
_NO_PIXELS = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True)
class Picture:
    """Three planes side by side: from above, from the front, from the right.

    Attributes
    ----------
    pixels : ndarray of uint8, (rows, columns)
        The left of the first two planes is the left of the subject.
    remark : str
        What was missing for the usual scale and place; empty when nothing was.
    outlines : ndarray of bool, (rows, columns), or None
        Borders of the segmented structures in the same planes; None without a label map.
    """

    pixels: np.ndarray
    remark: str = ""
    outlines: np.ndarray | None = None

    def png(self) -> bytes:
        """Return the picture as a PNG file."""
        return _png(self.pixels, GREYS)

    def outline_png(self) -> bytes:
        """Return the outlines as a PNG file that is transparent elsewhere; nothing without outlines."""
        if self.outlines is None:
            return b""
        colours = ((b"PLTE", bytes((0, 0, 0, *OUTLINE_RGB))), (b"tRNS", bytes((0, 255))))
        return _png(self.outlines.astype(np.uint8), PALETTE, colours)


@dataclass(frozen=True, eq=False)
class View:
    """All that a page may show of one image.

    Attributes
    ----------
    planes : Picture
        Three planes through the middle of the brain, in the position in which the head lay.
    pose : Picture
        Three planes of the brain alone, in the position in which images are compared: two images of one brain
        show the same planes however the heads lay. Without pixels, and with a remark, where that failed.
    field : ndarray of uint8, (I, J, K)
        The field of view of `planes` in voxels of 2 mm, RAS.
    """

    planes: Picture
    pose: Picture
    field: np.ndarray

    def volume(self) -> bytes:
        """Return the field of view as a small 8-bit volume, packed for a page.

        Returns
        -------
        bytes
            A zlib stream. Unpacked, four little-endian 16-bit numbers (voxels to the right, anterior and
            superior, and their size in hundredths of a millimetre), then a byte per voxel, right fastest;
            each plane is stored as differences to the plane below, modulo 256, which compresses smooth
            images.
        """
        planes = self.field.transpose(2, 1, 0)
        steps = np.diff(planes, axis=0, prepend=np.zeros_like(planes[:1]))
        header = struct.pack("<4H", *self.field.shape, round(100 * VOLUME_MM))
        return zlib.compress(header + steps.tobytes(), 9)


def view_of(image: Volume, labels: LabelMap | None, *, voxel_mm: float) -> View:
    """Return what a page shows of an image, with labels or without.

    Parameters
    ----------
    image : Volume
        Any orientation, voxel size and scale.
    labels : LabelMap or None
        Its structures; without them the middle and the scale come from the grey values.
    voxel_mm : float
        Resolution at which the images of a run are compared; pictures show what was compared.
    """
    if labels is None:
        return _unlabelled(image, "no label map", "no label map to align the brain by")
    try:
        scan = condition(image, labels, voxel_mm=voxel_mm)
    except MeasurementError as error:
        return _unlabelled(image, str(error), str(error))
    return view_of_scan(scan, lambda: brain_of(scan, voxel_mm))


def view_of_scan(scan: Scan, standard_brain: Callable[[], np.ndarray]) -> View:
    """Return what a page shows of an image on the common footing.

    Parameters
    ----------
    scan : Scan
    standard_brain : callable
        Returns the standard brain, or raises a `MeasurementError` where the brain cannot be aligned.

    Notes
    -----
    All pictures show the same field of view at the same scale: white matter has the same grey in all of them.
    """
    middle = np.argwhere(tissue_masks(scan.whole_labels.data)["brain"]).mean(axis=0)
    grid = _grid_around(scan.whole, middle, PIXEL_MM)
    grey = _side_by_side([_grey(cut, BRIGHTEST) for cut in _cuts(scan.whole, *grid)])
    borders = _borders(_side_by_side(_cuts(scan.whole_labels, *grid)))
    field = resample_to(scan.whole, *_grid_around(scan.whole, middle, VOLUME_MM)).data
    try:
        pose = Picture(_side_by_side(_brain_cuts(standard_brain())))
    except MeasurementError as error:
        pose = Picture(_NO_PIXELS, str(error))
    return View(Picture(grey, "", borders), pose, _grey(field, BRIGHTEST))


def _brain_cuts(brain: np.ndarray) -> list[np.ndarray]:
    """Return the three planes of a standard brain, whatever its voxels."""
    _, affine = common_grid(COMMON_MM[0] / len(brain))
    return [
        _grey(cut, BRIGHTEST * WHITE / WHITE_LEVEL)
        for cut in _cuts(Volume(brain, affine), *common_grid(PIXEL_MM))
    ]


def _unlabelled(image: Volume, remark: str, no_pose: str) -> View:
    fine, coarse = (_fill_unlabelled(image, voxel_mm) for voxel_mm in (PIXEL_MM, VOLUME_MM))
    middles = [fine.take(fine.shape[axis] // 2, axis) for axis in CUT_AXES]
    return View(Picture(_side_by_side(middles), remark), Picture(_NO_PIXELS, no_pose), coarse)


def _borders(labels: np.ndarray) -> np.ndarray:
    """Mark the pixels whose structure is not that of the pixel to the left or above."""
    borders = np.zeros(labels.shape, dtype=bool)
    borders[1:] |= labels[1:] != labels[:-1]
    borders[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    return borders


def _fill_unlabelled(image: Volume, voxel_mm: float) -> np.ndarray:
    finite = np.nan_to_num(image.data, posinf=0.0, neginf=0.0)
    canonical = to_canonical(Volume(finite - finite.min(), image.affine))
    low, high = np.percentile(canonical.data[::2, ::2, ::2], [50, 99.5])
    bright = np.argwhere(canonical.data > (low + high) / 2)
    middle = bright.mean(axis=0) if len(bright) else (np.array(canonical.shape) - 1) / 2
    return _grey(resample_to(canonical, *_grid_around(canonical, middle, voxel_mm)).data, float(high) or 1.0)


def _grid_around(
    image: Volume, middle: np.ndarray, voxel_mm: float
) -> tuple[tuple[int, int, int], np.ndarray]:
    """Return shape and affine of the field of view around a voxel."""
    shape = tuple(round(length / voxel_mm) for length in FIELD_MM)
    axes = image.affine[:3, :3] / np.asarray(image.voxel_size_mm) * voxel_mm
    affine = np.eye(4)
    affine[:3, :3] = axes
    centre = image.affine[:3, :3] @ middle + image.affine[:3, 3]
    affine[:3, 3] = centre - axes @ ((np.array(shape) - 1) / 2)
    n_i, n_j, n_k = shape
    return (n_i, n_j, n_k), affine


def _grey(data: np.ndarray, brightest: float) -> np.ndarray:
    return np.clip(data * (255.0 / brightest), 0, 255).astype(np.uint8)


def _cuts(image: Grid, shape: tuple[int, int, int], affine: np.ndarray) -> list[np.ndarray]:
    """Return the three planes through the middle of a grid, and nothing else of it."""
    cuts = []
    for axis in CUT_AXES:
        thin, place = list(shape), affine.copy()
        thin[axis] = 1
        place[:3, 3] += affine[:3, axis] * (shape[axis] // 2)
        cuts.append(resample_to(image, (thin[0], thin[1], thin[2]), place).data.squeeze(axis))
    return cuts


def _side_by_side(planes: Sequence[np.ndarray]) -> np.ndarray:
    height = max(plane.shape[1] for plane in planes)
    return np.hstack([_upright(plane, height) for plane in planes])


def _upright(plane: np.ndarray, height: int) -> np.ndarray:
    """Turn a plane so that its second axis points up, and centre it in the height."""
    picture = plane.T[::-1]
    above = (height - picture.shape[0]) // 2
    return np.pad(picture, ((above, height - picture.shape[0] - above), (0, 0)))


def _png(pixels: np.ndarray, kind: int, extra: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """Return 8-bit pixels as a PNG file of a colour type."""
    rows, columns = pixels.shape
    lines = np.zeros((rows, columns + 1), np.uint8)
    # Lines are stored as differences to the line above (filter 2), which compresses smooth images.
    above = np.vstack([np.zeros((1, columns), np.uint8), pixels[:-1]])
    lines[:, 0], lines[:, 1:] = 2, pixels - above
    header = struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0)
    image = (b"IDAT", zlib.compress(lines.tobytes(), 9))
    chunks = ((b"IHDR", header), *extra, image, (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
