"""Where labelled structures are: masks of several labels, and the centre of each."""

from collections.abc import Collection

import numpy as np

from plausibrain.cohorts.structures import STRUCTURES
from plausibrain.cohorts.volumes import LabelMap

_NOT_BRAIN = ("background", "extracerebral")
BRAIN_INDICES = tuple(s.index for s in STRUCTURES if s.tissue not in _NOT_BRAIN)


def label_mask(labels: LabelMap, indices: Collection[int]) -> np.ndarray:
    """Return where one of the given FreeSurfer indices stands, (I, J, K) bool."""
    table = np.zeros(int(max(labels.data.max(), *indices)) + 1, dtype=bool)
    table[list(indices)] = True
    return np.asarray(table[np.maximum(labels.data, 0)])


def brain_mask(labels: LabelMap) -> np.ndarray:
    """Return where a structure of the brain is labelled; labels of the head do not count."""
    return label_mask(labels, BRAIN_INDICES)


def label_centres(
    labels: LabelMap, indices: Collection[int] = BRAIN_INDICES, *, min_voxels: int = 1
) -> dict[int, np.ndarray]:
    """Return the centre of every structure, world mm, by FreeSurfer index.

    Parameters
    ----------
    labels : LabelMap
    indices : collection of int
        Structures that are looked for; all of the brain where nothing is said.
    min_voxels : int
        Fewest voxels of a structure that has a centre.

    Returns
    -------
    dict of int to ndarray, (3,)
        By rising index; absent structures are left out.

    Examples
    --------
    >>> data = np.zeros((5, 5, 5), dtype=np.int32)
    >>> data[1:4, 2, 2] = 17
    >>> label_centres(LabelMap(data, np.diag([2.0, 2, 2, 1])))[17].tolist()
    [4.0, 4.0, 4.0]
    """
    inside = np.flatnonzero(label_mask(labels, indices))
    if not len(inside):
        return {}
    member = labels.data.ravel()[inside]
    counts = np.bincount(member)
    present = np.flatnonzero(counts >= max(min_voxels, 1))
    places = np.unravel_index(inside, labels.shape)
    sums = np.stack([np.bincount(member, axis)[present] for axis in places], axis=1)
    means = sums / counts[present][:, None]
    world = means @ labels.affine[:3, :3].T + labels.affine[:3, 3]
    return {int(k): xyz for k, xyz in zip(present, world, strict=True)}
