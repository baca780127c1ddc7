"""Three planes of an image as a small picture: what a page shows of a case."""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from cohorts.errors import MeasurementError
from cohorts.volumes import LabelMap, Volume, resample_to, to_canonical
from evaluation.conditioning import WHITE_LEVEL, condition
from evaluation.tissues import tissue_masks

#: Pixels of the picture, mm.
PIXEL_MM = 1.5
#: Field of view around the middle of the brain, right, anterior, superior, mm.
FIELD_MM = (168.0, 204.0, 168.0)
#: Brightest grey value shown; white matter is 1000.
BRIGHTEST = 1.3 * WHITE_LEVEL


@dataclass(frozen=True)
class Picture:
    """Three planes side by side: from above, from the front, from the right.

    Attributes
    ----------
    pixels : ndarray of uint8, (rows, columns)
        The left of the first two planes is the left of the person.
    remark : str
        What was missing for the usual scale and place; empty when nothing was.
    """

    pixels: np.ndarray
    remark: str = ""

    def png(self) -> bytes:
        """Return the picture as a PNG file."""
        rows, columns = self.pixels.shape
        lines = np.zeros((rows, columns + 1), np.uint8)
        # Lines are stored as differences to the line above (filter 2), which compresses smooth images.
        above = np.vstack([np.zeros((1, columns), np.uint8), self.pixels[:-1]])
        lines[:, 0], lines[:, 1:] = 2, self.pixels - above
        header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


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
    if labels is None:
        return _unlabelled(image, "no label map")
    try:
        scan = condition(image, labels, voxel_mm=PIXEL_MM)
    except MeasurementError as error:
        return _unlabelled(image, str(error))
    middle = np.argwhere(tissue_masks(scan.whole_labels.data)["brain"]).mean(axis=0)
    return Picture(_planes(scan.whole, middle, BRIGHTEST))


def _unlabelled(image: Volume, why: str) -> Picture:
    finite = np.nan_to_num(image.data, posinf=0.0, neginf=0.0)
    canonical = to_canonical(Volume(finite - finite.min(), image.affine))
    low, high = np.percentile(canonical.data[::2, ::2, ::2], [50, 99.5])
    bright = np.argwhere(canonical.data > (low + high) / 2)
    middle = bright.mean(axis=0) if len(bright) else (np.array(canonical.shape) - 1) / 2
    return Picture(_planes(canonical, middle, float(high) or 1.0), why)


def _planes(image: Volume, middle: np.ndarray, brightest: float) -> np.ndarray:
    """Sample the field around a voxel and lay the three planes through it side by side."""
    shape = tuple(round(length / PIXEL_MM) for length in FIELD_MM)
    axes = image.affine[:3, :3] / np.asarray(image.voxel_size_mm) * PIXEL_MM
    affine = np.eye(4)
    affine[:3, :3] = axes
    centre = image.affine[:3, :3] @ middle + image.affine[:3, 3]
    affine[:3, 3] = centre - axes @ ((np.array(shape) - 1) / 2)
    n_i, n_j, n_k = shape
    field = resample_to(image, (n_i, n_j, n_k), affine).data
    grey = np.clip(field * (255.0 / brightest), 0, 255).astype(np.uint8)
    planes = (grey[:, :, n_k // 2], grey[:, n_j // 2], grey[n_i // 2])
    height = max(plane.shape[1] for plane in planes)
    return np.hstack([_upright(plane, height) for plane in planes])


def _upright(plane: np.ndarray, height: int) -> np.ndarray:
    """Turn a plane so that its second axis points up, and centre it in the height."""
    picture = plane.T[::-1]
    above = (height - picture.shape[0]) // 2
    return np.pad(picture, ((above, height - picture.shape[0] - above), (0, 0)))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
