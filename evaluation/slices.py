"""Three planes of an image as a small picture, and a small volume: what a page shows of a case."""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import LabelMap, Volume, resample_to, to_canonical
from plausibrain.evaluation.alignment import aligned
from plausibrain.evaluation.image_normalisation import WHITE_LEVEL, condition
from plausibrain.evaluation.tissues import tissue_masks

#: Pixels of the picture, mm.
PIXEL_MM = 1.5
#: Voxels of the small volume, mm.
VOLUME_MM = 2.0
#: Field of view around the middle of the brain, right, anterior, superior, mm.
FIELD_MM = (168.0, 204.0, 168.0)
#: Brightest grey value shown; white matter is 1000.
BRIGHTEST = 1.3 * WHITE_LEVEL
#: Colour types of PNG, and the colour of outlines: yellow stands out from grey for every colour vision.
GREYS, PALETTE = 0, 3
OUTLINE_RGB = (255, 196, 0)


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


def three_planes(image: Volume, labels: LabelMap | None) -> Picture:
    """Return three planes through the middle of the brain.

    Parameters
    ----------
    image : Volume
        Any orientation, voxel size and scale.
    labels : LabelMap or None
        Its structures; without them the middle and the scale come from the grey values.

    Notes
    -----
    All pictures show the same field of view at the same scale: white matter has the same grey in all of them.
    """
    field, structures, remark = _field(image, labels, PIXEL_MM)
    return Picture(_planes(field), remark, None if structures is None else _borders(_planes(structures)))


def aligned_planes(image: Volume, labels: LabelMap | None) -> Picture:
    """Return three planes of the brain alone, in the position in which images are compared.

    Two images of one brain show the same planes however the heads lay; `three_planes` would not.

    Parameters
    ----------
    image : Volume
    labels : LabelMap or None

    Raises
    ------
    MeasurementError
        When the image cannot be conditioned or aligned.
    """
    if labels is None:
        raise MeasurementError("no label map to align the brain by")
    scan = condition(image, labels, voxel_mm=PIXEL_MM)
    return Picture(_planes(_grey(aligned(scan.image, scan.labels, PIXEL_MM), BRIGHTEST)))


def small_volume(image: Volume, labels: LabelMap | None) -> bytes:
    """Return the field of view of `three_planes` as a small 8-bit volume, packed for a page.

    Parameters
    ----------
    image : Volume
    labels : LabelMap or None

    Returns
    -------
    bytes
        A zlib stream. Unpacked, four little-endian 16-bit numbers (voxels to the right, anterior and
        superior, and their size in hundredths of a millimetre), then a byte per voxel, right fastest; each
        plane is stored as differences to the plane below, modulo 256, which compresses smooth images.
    """
    field, _, _ = _field(image, labels, VOLUME_MM)
    planes = field.transpose(2, 1, 0)
    steps = np.diff(planes, axis=0, prepend=np.zeros_like(planes[:1]))
    header = struct.pack("<4H", *field.shape, round(100 * VOLUME_MM))
    return zlib.compress(header + steps.tobytes(), 9)


def _field(
    image: Volume, labels: LabelMap | None, voxel_mm: float
) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Return what lies around the middle of the brain, and what was missing for the usual scale.

    Grey values are uint8, structures are label values, None without a usable label map.
    """
    if labels is None:
        return _fill_unlabelled(image, voxel_mm), None, "no label map"
    try:
        scan = condition(image, labels, voxel_mm=voxel_mm)
    except MeasurementError as error:
        return _fill_unlabelled(image, voxel_mm), None, str(error)
    middle = np.argwhere(tissue_masks(scan.whole_labels.data)["brain"]).mean(axis=0)
    grid = _grid_around(scan.whole, middle, voxel_mm)
    structures = resample_to(scan.whole_labels, *grid).data
    return _grey(resample_to(scan.whole, *grid).data, BRIGHTEST), structures, ""


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


def _planes(grey: np.ndarray) -> np.ndarray:
    """Lay the three planes through the middle of a volume side by side."""
    n_i, n_j, n_k = grey.shape
    planes = (grey[:, :, n_k // 2], grey[:, n_j // 2], grey[n_i // 2])
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
