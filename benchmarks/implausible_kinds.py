"""Kinds of implausible images, each made from a sound scan and, where it takes two, another one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.volumes import Volume

_CEREBELLUM = (7, 8, 46, 47)


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound scan: image and labels on one grid, axes right, anterior, superior.

    Attributes
    ----------
    image : Volume
    labels : ndarray of int, (I, J, K)
    """

    image: Volume
    labels: np.ndarray

    @property
    def box(self) -> np.ndarray:
        """First and last voxel of the brain along each axis, (3, 2)."""
        found = ndimage.find_objects((self.labels > 0).astype(np.int8))[0]
        return np.array([(part.start, part.stop - 1) for part in found])

    @property
    def voxel_mm(self) -> np.ndarray:
        """Voxel size, mm, (3,)."""
        return np.asarray(self.image.voxel_size_mm)

    @property
    def bright(self) -> float:
        """Grey value below which 95 % of the brain lies."""
        return float(np.percentile(self.image.data[self.labels > 0], 95))


Kind = Callable[[Sound, Sound, np.random.Generator], Volume]
KINDS: dict[str, Kind] = {}
#: Kinds that nobody named when the checks were designed.
FURTHER: list[str] = []


def kind(name: str, *, further: bool = False) -> Callable[[Kind], Kind]:
    """Put a kind of implausible image into the battery."""

    def decorate(function: Kind) -> Kind:
        KINDS[name] = function
        if further:
            FURTHER.append(name)
        return function

    return decorate


def with_data(scan: Sound, data: np.ndarray) -> Volume:
    """Return the image with other grey values."""
    return Volume(data.astype(np.float32), scan.image.affine)


def beside(scan: Sound, other: Sound) -> np.ndarray:
    """Return another head on the grid of the first, boxes of the brains and bright levels matched."""
    first, second = scan.box.astype(float), other.box.astype(float)
    scale = (second[:, 1] - second[:, 0]) / (first[:, 1] - first[:, 0])
    matrix = np.diag(scale)
    offset = second[:, 0] - scale * first[:, 0]
    moved = ndimage.affine_transform(other.image.data, matrix, offset, output_shape=scan.image.shape, order=1)
    return np.asarray(moved * (scan.bright / other.bright))


def cells(scan: Sound, side_mm: float) -> np.ndarray:
    """Return a checkerboard of cubes, bool (I, J, K)."""
    steps = [
        (np.arange(n) * size / side_mm).astype(int)
        for n, size in zip(scan.image.shape, scan.voxel_mm, strict=True)
    ]
    return np.asarray((steps[0][:, None, None] + steps[1][:, None] + steps[2]) % 2 == 1)


@kind("blur, SD 3 mm")
def blur(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    return with_data(scan, ndimage.gaussian_filter(scan.image.data, 3 / scan.voxel_mm))


@kind("mean of two heads")
def mean_of_two(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    return with_data(scan, (scan.image.data + beside(scan, other)) / 2)


def patchwork(side_mm: float) -> Kind:
    """Return the kind whose cubes come from two heads in turn."""

    def build(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
        return with_data(scan, np.where(cells(scan, side_mm), beside(scan, other), scan.image.data))

    return build


kind("patchwork of two heads, 12 mm")(patchwork(12.0))
kind("patchwork of two heads, 24 mm")(patchwork(24.0))


@kind("hole of 20 mm")
def hole(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    """Blank a ball of 20 mm that lies at least 4 mm inside the brain."""
    depth = ndimage.distance_transform_edt(np.pad(scan.labels > 0, 1), scan.voxel_mm)[1:-1, 1:-1, 1:-1]
    places = np.argwhere(depth > 14)
    centre = places[rng.integers(len(places))]
    axes = [
        (np.arange(n) - c) * size for n, c, size in zip(scan.image.shape, centre, scan.voxel_mm, strict=True)
    ]
    inside = axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2 < 100
    return with_data(scan, np.where(inside, scan.image.data.min(), scan.image.data))


@kind("top 10 mm cut away")
def cut_top(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    data = scan.image.data.copy()
    data[:, :, scan.box[2, 1] + 1 - round(10 / scan.voxel_mm[2]) :] = data.min()
    return with_data(scan, data)


@kind("lower third of the cerebellum cut away")
def cut_base(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    data = scan.image.data.copy()
    planes = np.flatnonzero(np.isin(scan.labels, _CEREBELLUM).any((0, 1)))
    data[:, :, : planes[0] + round(len(planes) / 3)] = data.min()
    return with_data(scan, data)


@kind("over-smoothing (median of 5 mm, three times)")
def oversmooth(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    data = scan.image.data
    for _ in range(3):
        data = ndimage.median_filter(data, [max(3, round(5 / size)) for size in scan.voxel_mm])
    return with_data(scan, data)


@kind("checkerboard of 2 mm")
def checkerboard(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    return with_data(scan, scan.image.data * np.where(cells(scan, 2.0), 0.9, 1.1))


@kind("voxels of 1.2 mm declared as 1 mm")
def shrunk(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    """Return the image with a header whose voxels are a sixth too small."""
    affine = scan.image.affine.copy()
    affine[:3, :3] /= 1.2
    return Volume(scan.image.data, affine)


@kind("ringing (waves above 1/6 mm cut off)", further=True)
def ringing(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    waves = np.fft.fftn(scan.image.data)
    for axis, size in enumerate(scan.voxel_mm):
        keep = np.abs(np.fft.fftfreq(scan.image.shape[axis], size)) < 1 / 6
        waves *= keep.reshape([-1 if k == axis else 1 for k in range(3)])
    return with_data(scan, np.maximum(np.fft.ifftn(waves).real, 0))


@kind("one half of the head shifted by 8 mm", further=True)
def shifted_half(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    data, middle = scan.image.data.copy(), int(scan.box[0].sum()) // 2
    data[:middle] = np.roll(data[:middle], round(8 / scan.voxel_mm[1]), axis=1)
    return with_data(scan, data)


@kind("one half mirrored", further=True)
def mirrored_half(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    data, middle = scan.image.data.copy(), (int(scan.box[0].sum()) + 1) // 2
    width = min(middle, data.shape[0] - middle)
    data[middle : middle + width] = data[middle - width : middle][::-1]
    return with_data(scan, data)


@kind("texture of 3 mm in the brain", further=True)
def texture(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    noise = ndimage.gaussian_filter(rng.standard_normal(scan.image.shape), 1.3 / scan.voxel_mm)
    return with_data(scan, scan.image.data * np.maximum(1 + 0.2 * noise / noise.std(), 0))


@kind("warp of 8 mm (SD)", further=True)
def warped(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    places = np.indices(scan.image.shape, dtype=np.float32)
    for axis, size in enumerate(scan.voxel_mm):
        field = ndimage.zoom(rng.standard_normal((6, 6, 6)), np.array(scan.image.shape) / 6, order=3)
        places[axis] += 8 / size * field / field.std()
    return with_data(scan, ndimage.map_coordinates(scan.image.data, places, order=1))


@kind("bright and dark blobs of 20 mm", further=True)
def blobs(scan: Sound, other: Sound, rng: np.random.Generator) -> Volume:
    noise = ndimage.gaussian_filter(rng.standard_normal(scan.image.shape), 10 / scan.voxel_mm)
    return with_data(scan, scan.image.data * np.maximum(1 + 0.2 * noise / noise.std(), 0))
