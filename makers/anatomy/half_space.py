"""Registered label maps, both hemispheres laid on one half of atlas space, and what they have in common."""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from makers.anatomy.registration import Head, atlas_positions, head_voxels, smoothed
from plausibrain.cohorts.structures import STRUCTURES, homologue, structure

Labels = NDArray[np.int16]
Depth = NDArray[np.float32]
# Choroid plexus belongs to its ventricle, lesions to white matter, vessels, chiasm and fifth ventricle to
# CSF.
MERGED = {136: 4, 137: 5, 163: 43, 164: 44, 25: 2, 57: 41, 30: 24, 62: 24, 72: 24, 85: 24}
OTHER_SIDE = 600
OUTSIDE_IMAGE = 999
LARGEST_LABEL = 1000


def half_maps(labels: NDArray[np.integer], head: Head, n_filters: int) -> Iterator[Labels]:
    """Yield the left and the right half of a registered label map at 1 mm, both as a left half.

    Parameters
    ----------
    labels : ndarray of int, (I, J, K)
        Label map at 1 mm, RAS.
    head : Head
        Where it lies, after `registration.register`.
    n_filters : int
        As returned by `registration.register`.

    Yields
    ------
    ndarray of int16, (93, 225, 213)
        The first voxel of I is the midline. A structure that belongs to the other side has `OTHER_SIDE`
        added; what the image does not show is `OUTSIDE_IMAGE`.
    """
    positions = atlas_positions(1.0)
    velocity = smoothed(head.velocity, n_filters)
    voxels = head_voxels(head.matrix, head.shift, head.centre, velocity, positions).round().long().numpy()
    sizes = np.array(labels.shape).reshape(3, 1, 1, 1)
    inside = ((voxels >= 0) & (voxels < sizes)).all(axis=0)
    first, second, third = np.clip(voxels, 0, sizes - 1)
    lookup = np.arange(LARGEST_LABEL, dtype=np.int16)
    for label, into in MERGED.items():
        lookup[label] = into
    labels_there = np.where(inside, lookup[labels[first, second, third]], OUTSIDE_IMAGE)
    middle = labels_there.shape[0] // 2
    yield side_lookup("left")[labels_there[middle::-1]]
    yield side_lookup("right")[labels_there[middle:]]


@cache
def side_lookup(hemisphere: str) -> Labels:
    """Return the label each label becomes when its half is read as a left half."""
    lookup = np.arange(LARGEST_LABEL, dtype=np.int16)
    for item in STRUCTURES:
        other = homologue(item.name)
        if other is None or item.index >= OTHER_SIDE:
            continue
        left = item.index if item.hemisphere == "left" else structure(other).index
        lookup[item.index] = left if item.hemisphere == hemisphere else OTHER_SIDE + left
    return lookup


def share_of(halves: Sequence[Labels], labels: Sequence[int], *, sigma: float) -> Depth:
    """Return at each voxel the share of halves that have one of some labels there, slightly smoothed."""
    total = np.zeros(halves[0].shape, np.float32)
    for half in halves:
        total += np.isin(half, labels)
    return np.asarray(ndimage.gaussian_filter(total / len(halves), sigma), np.float32)


def mean_count(halves: Sequence[Labels], labels: Sequence[int]) -> float:
    """Return the mean number of voxels with one of some labels."""
    return float(np.mean([np.isin(half, labels).sum() for half in halves]))


def cut_at_volume(share: Depth, n_voxels: float, *, least: float = 0.08) -> NDArray[np.bool_]:
    """Return the voxels with the highest share, as many as wanted: a mean shape of the mean volume."""
    order = np.sort(share.ravel())[::-1]
    return np.asarray(share > max(float(order[min(int(n_voxels), order.size - 1)]), least))


def largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part of a mask."""
    parts, n = ndimage.label(mask)
    if n < 2:
        return mask
    return np.asarray(parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:])))


def signed_distance(mask: NDArray[np.bool_]) -> Depth:
    """Return the distance (voxels) to the boundary of a mask, negative inside."""
    outside = ndimage.distance_transform_edt(~mask)
    inside = ndimage.distance_transform_edt(mask)
    distance = np.asarray(outside, np.float32) - np.asarray(inside, np.float32)
    return np.where(distance > 0, distance - 0.5, distance + 0.5).astype(np.float32)


def across_midline(half: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the whole volume of which `half` is the part from the midline on."""
    return np.concatenate([half[:0:-1], half], axis=0)


def smooth_half(half: Depth, sigma: float) -> Depth:
    """Return a half, smoothed as the whole it belongs to."""
    whole = ndimage.gaussian_filter(across_midline(half), sigma)
    return np.asarray(whole[half.shape[0] - 1 :], np.float32)


def box_around(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice, slice]:
    """Return slices around a mask; the first starts at the midline."""
    where = np.argwhere(mask)
    low = np.maximum(where.min(axis=0) - margin, 0)
    high = np.minimum(where.max(axis=0) + 1 + margin, mask.shape)
    return slice(0, int(high[0])), slice(int(low[1]), int(high[1])), slice(int(low[2]), int(high[2]))


def to_tensor(array: NDArray[np.generic]) -> torch.Tensor:
    """Return an array as float32 tensor."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
