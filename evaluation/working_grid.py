"""The grid on which a network works, 1 mm and RAS, cropped to the head; and the way back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from plausibrain.cohorts.volumes import LabelMap, Volume, resample, resample_to, to_canonical
from plausibrain.evaluation.background import on_zero_background

#: Beyond this angle between the stored axes and the world's, the image is turned into the world's axes first.
_OBLIQUE_DEGREES = 12.0
#: No head needs more than this, mm; what lies lower than 200 mm below the vertex is neck.
_LARGEST_FIELD_MM = (208, 240, 208)


@dataclass(frozen=True)
class WorkingImage:
    """An image prepared for a network.

    Attributes
    ----------
    data : ndarray of float32, (I, J, K)
        Scaled to about 0 to 1; I, J, K run to right, anterior, superior.
    affine : ndarray, (4, 4)
        Voxels of ``data`` to world mm.
    """

    data: np.ndarray
    affine: np.ndarray

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel, mm3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))


def make_working_image(image: Volume, voxel_size_mm: float = 1.0) -> WorkingImage:
    """Return the image at ``voxel_size_mm``, RAS, cropped to what is not background, and scaled.

    Parameters
    ----------
    image : Volume
        Any orientation, voxel size and intensity scale.

    Notes
    -----
    Intensities are shifted by their 0.5th percentile and divided by the 99th percentile of the foreground.
    """
    regular = _regular(on_zero_background(image), voxel_size_mm)
    data = regular.data
    low = float(np.percentile(data[::2, ::2, ::2], 0.5))
    data = np.maximum(data - low, 0)
    threshold = 0.02 * float(np.percentile(data[::2, ::2, ::2], 99.5))
    box = _head_box(data > threshold, voxel_size_mm)
    data = data[box]
    inside = data[::2, ::2, ::2][data[::2, ::2, ::2] > threshold]
    top = float(np.percentile(inside, 99)) if inside.size else 1.0
    affine = regular.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [float(part.start) for part in box]
    return WorkingImage(np.minimum(data / max(top, 1e-12), 1.5).astype(np.float32), affine)


def _regular(image: Volume, voxel_size_mm: float) -> Volume:
    canonical = to_canonical(image)
    axes = canonical.affine[:3, :3] / np.asarray(canonical.voxel_size_mm)
    if np.degrees(np.arccos(np.clip(np.diag(axes), -1, 1))).max() > _OBLIQUE_DEGREES:
        shape, affine = _world_grid(canonical, voxel_size_mm)
        return resample_to(canonical, shape, affine)
    sizes = np.asarray(canonical.voxel_size_mm)
    if np.allclose(sizes, voxel_size_mm, rtol=0.02):
        return canonical
    sigma = np.where(sizes < 0.75 * voxel_size_mm, 0.4 * voxel_size_mm / sizes, 0.0)
    if sigma.any():
        canonical = Volume(ndimage.gaussian_filter(canonical.data, sigma), canonical.affine)
    return resample(canonical, voxel_size_mm)


def _world_grid(image: Volume, voxel_size_mm: float) -> tuple[tuple[int, int, int], np.ndarray]:
    """Return a grid along the world's axes that holds the whole field of view."""
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in image.shape], indexing="ij"), -1).reshape(-1, 3)
    world = corners @ image.affine[:3, :3].T + image.affine[:3, 3]
    low, high = world.min(0), world.max(0)
    n = np.ceil((high - low) / voxel_size_mm).astype(int) + 1
    affine = np.diag([voxel_size_mm] * 3 + [1.0])
    affine[:3, 3] = low
    return (int(n[0]), int(n[1]), int(n[2])), affine


def _head_box(foreground: np.ndarray, voxel_size_mm: float) -> tuple[slice, slice, slice]:
    """Return the box of the foreground, at most as large as a head: centred, and from the vertex down."""
    parts = []
    for axis, largest in enumerate(_LARGEST_FIELD_MM):
        others = tuple(k for k in range(3) if k != axis)
        profile = np.flatnonzero(foreground.sum(others) > 20)
        n = foreground.shape[axis]
        low, high = (int(profile[0]), int(profile[-1]) + 1) if profile.size else (0, n)
        limit = int(largest / voxel_size_mm)
        if high - low > limit:
            low = high - limit if axis == 2 else (low + high - limit) // 2
            high = low + limit
        parts.append(slice(max(0, low - 2), min(n, high + 2)))
    return parts[0], parts[1], parts[2]


def winning_channel(maps: Tensor) -> Tensor:
    """Return the channel with the largest value at every voxel: (C, ...) -> uint8 (...).

    Goes channel by channel, which on CPU is several times faster than ``argmax`` over the first axis.
    """
    best = maps[0].clone()
    winner = torch.zeros(maps.shape[1:], dtype=torch.uint8, device=maps.device)
    for channel in range(1, len(maps)):
        winner.masked_fill_(maps[channel] > best, channel)
        torch.maximum(best, maps[channel], out=best)
    return winner


def sample_on(maps: Tensor, sides: Tensor, affine: np.ndarray, like: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Return, on another grid, the winner among the interpolated posteriors, and which side it lies on.

    Parameters
    ----------
    maps : Tensor, (C, I, J, K)
        Posteriors, of which the first is background and fills what lies outside.
    sides : Tensor, (I, J, K)
        Probability of "left".
    affine : ndarray, (4, 4)
        Grid of the maps.
    like : Volume
        The grid wanted.

    Returns
    -------
    channel : ndarray of uint8, ``like.shape``
    left : ndarray of bool, ``like.shape``
    """
    to_source = np.linalg.inv(affine) @ like.affine
    shift = _whole_steps(to_source, like.shape)
    if shift is not None:
        return _shift(maps, sides, like, *shift)
    channel, left = np.zeros(like.shape, np.uint8), np.zeros(like.shape, bool)
    size = np.asarray(maps.shape[1:])
    m = torch.from_numpy((to_source[:3] * (2 / size)[:, None]).astype(np.float32))
    m[:, 3] += torch.from_numpy((1 / size - 1).astype(np.float32))
    box = _box_in(to_source, maps.shape[1:], like.shape)
    cells = _Cells(maps, sides)
    j, k = (torch.arange(part.start, part.stop, dtype=torch.float32) for part in box[1:])
    for i in range(box[0].start, box[0].stop):
        place = m[:, 0] * i + m[:, 3] + j[:, None, None] * m[:, 1] + k[None, :, None] * m[:, 2]
        channel[i][box[1:]], left[i][box[1:]] = cells.winner(place)
    return channel, left


class _Cells:
    """Maps and, for every cell between eight of their voxels, the winner and side that all eight agree on.

    Where they agree, interpolation cannot choose another; only in the other cells it is done.

    Parameters
    ----------
    maps, sides : Tensor
        As in `sample_on`.
    """

    _OPEN = 255

    def __init__(self, maps: Tensor, sides: Tensor) -> None:
        self._maps, self._sides = maps, sides
        code = 2 * winning_channel(maps) + (sides > 0.5)
        # Outside the maps lies background, whose side is right.
        low = high = functional.pad(code, [1] * 6)
        for axis in range(3):
            n = low.shape[axis] - 1
            low = torch.minimum(low.narrow(axis, 0, n), low.narrow(axis, 1, n))
            high = torch.maximum(high.narrow(axis, 0, n), high.narrow(axis, 1, n))
        self._agreed = torch.where(low == high, low, self._OPEN)

    def winner(self, place: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Return winner and side at places of order I, J, K, (J, K, 3), from -1 to 1 along the maps."""
        size = torch.tensor(self._maps.shape[1:], dtype=torch.float32)
        cell = (((place + 1) * size - 1) / 2).floor_().to(torch.int64) + 1
        for axis, n in enumerate(self._agreed.shape):
            cell[..., axis].clamp_(0, n - 1)
        code = self._agreed[cell[..., 0], cell[..., 1], cell[..., 2]]
        unsure = code == self._OPEN
        channel, left = code >> 1, (code & 1).bool()
        channel[unsure], left[unsure] = self._interpolated(place[unsure])
        return channel.numpy(), left.numpy()

    def _interpolated(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """Return winner and side at places, (n, 3)."""
        grid = place.flip(-1)[None, None, None]
        if not len(place):
            return grid.new_zeros(0, dtype=torch.uint8), grid.new_zeros(0, dtype=torch.bool)
        shares, left = (
            functional.grid_sample(x[None], grid, align_corners=False)[0, :, 0, 0]
            for x in (self._maps, self._sides[None])
        )
        shares[0] += 1 - shares.sum(0)
        return winning_channel(shares), left[0] > 0.5


def _box_in(
    to_source: np.ndarray, source: Sequence[int], shape: tuple[int, int, int]
) -> tuple[slice, slice, slice]:
    """Return the box of a grid that holds all of the source grid; empty where they do not meet."""
    corners = np.stack(np.meshgrid(*[(-0.5, n - 0.5) for n in source], indexing="ij"), -1).reshape(-1, 3)
    index = (corners - to_source[:3, 3]) @ np.linalg.inv(to_source[:3, :3]).T
    low = np.clip(np.floor(index.min(0)), 0, shape).astype(int)
    high = np.clip(np.ceil(index.max(0)) + 1, low, shape).astype(int)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return i, j, k


def _whole_steps(to_source: np.ndarray, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return signed axes and shift if one grid is the other reordered, flipped and shifted by voxels."""
    axes, shift = np.round(to_source[:3, :3]), np.round(to_source[:3, 3])
    corners = np.array([[0, 0, 0, 1], [n - 1 for n in shape] + [1]])
    error = corners @ to_source[:3].T - (corners[:, :3] @ axes.T + shift)
    return (axes.astype(int), shift.astype(int)) if np.abs(error).max() < 0.05 else None


def _shift(
    maps: Tensor, sides: Tensor, like: Volume, axes: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return winner and side where every voxel of ``like`` is a voxel of the maps."""
    results = (winning_channel(maps).numpy(), (sides > 0.5).numpy())
    order = np.abs(axes).argmax(0)
    sign = axes[order, np.arange(3)]
    out = (np.zeros(like.shape, np.uint8), np.zeros(like.shape, bool))
    source, target = [slice(None)] * 3, [slice(None)] * 3
    for axis, (row, step) in enumerate(zip(order, sign, strict=True)):
        index = shift[row] + step * np.arange(like.shape[axis])
        valid = np.flatnonzero((index >= 0) & (index < results[0].shape[row]))
        if not valid.size:
            return out
        target[axis] = slice(valid[0], valid[-1] + 1)
        first, last = sorted((index[valid[0]], index[valid[-1]]))
        source[row] = slice(first, last + 1)
    flips = tuple(slice(None, None, int(step)) for step in sign)
    for full, part in zip(out, results, strict=True):
        full[tuple(target)] = part[tuple(source)].transpose(order)[flips]
    return out


def nearest_on(labels: LabelMap, like: Volume) -> LabelMap:
    """Return a label map on the grid of an image, by nearest voxel."""
    return resample_to(labels, like.shape, like.affine)
