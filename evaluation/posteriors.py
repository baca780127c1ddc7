"""From posteriors on the working grid to labels, soft volumes, topology and a clean result."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from plausibrain.cohorts.structures import TIV, find_structure, structure
from plausibrain.evaluation.channels import CHANNELS
from plausibrain.evaluation.working_grid import winning_channel

#: FreeSurfer id of (channel, is left): the same twice for structures without a side.
IDS = np.array([[left if right is None else right, left] for left, right in CHANNELS], np.int32)
_CSF_CHANNEL = 16
#: A posterior below this does not connect pieces.
_CONNECTING = 0.25
#: Posteriors below this are left out of volumes.
SMALLEST = 0.01


@dataclass(frozen=True)
class Posteriors:
    """What the network says about every voxel of the working grid.

    Attributes
    ----------
    structures : Tensor of float32, (19, I, J, K)
        Sums to one over the first axis.
    left : Tensor of float32, (I, J, K)
        Probability of the left side, for structures that have one.
    voxel_mm3 : float
    """

    structures: Tensor
    left: Tensor
    voxel_mm3: float


def label_ids(channel: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return FreeSurfer ids of winning channels and sides, both (I, J, K)."""
    ids = np.zeros(channel.shape, np.int32)
    brain = channel > 0
    ids[brain] = IDS[channel[brain], left[brain].astype(np.intp)]
    return ids


def soft_volumes(posteriors: Posteriors) -> dict[str, float]:
    """Return soft volumes, mm3: sums of posteriors times the voxel volume; ``TIV`` is all but background.

    Posteriors below 0.01 are left out: a thousandth in each of a million background voxels would be a
    hippocampus.
    """
    p, left = posteriors.structures, posteriors.left
    volumes: dict[str, float] = {}
    for channel, (first, second) in enumerate(CHANNELS):
        if first == 0:
            continue
        share = torch.where(p[channel] > SMALLEST, p[channel], 0.0)
        total = float(share.sum(dtype=torch.float64)) * posteriors.voxel_mm3
        if second is None:
            volumes[structure(first).name] = total
            continue
        on_left = float((share * left).sum(dtype=torch.float64)) * posteriors.voxel_mm3
        volumes[structure(first).name] = on_left
        volumes[structure(second).name] = total - on_left
    volumes[TIV] = sum(volumes.values())
    return volumes


def keep_largest(posteriors: Posteriors) -> tuple[Posteriors, dict[str, float]]:
    """Return the posteriors without stray pieces, and what was found.

    Of the brain, and then of every structure on each side, the largest piece is kept, together with pieces
    that touch it through posteriors above 0.25; the others give their probability to the remaining
    structures. CSF may be in pieces.

    Returns
    -------
    posteriors : Posteriors
    facts : dict of str to float
        ``pieces_<structure>`` before the clean-up, ``share_removed`` of the brain's voxels, ``cavities`` in
        the brain.
    """
    p = posteriors.structures.clone()
    brain = (p[0] < 0.5).numpy()
    main, _ = _largest(brain)
    p[1:, torch.from_numpy(brain & ~main)] = 0.0
    n_removed = int((brain & ~main).sum())
    facts = {"cavities": float(_n_cavities(main))}
    channel = winning_channel(p).numpy()
    left = (posteriors.left > 0.5).numpy()
    for number, name, mask in _each_structure(channel, left):
        box = _box(mask)
        reach = (p[number][box] > _CONNECTING).numpy()
        largest, pieces = _largest(mask[box], reach)
        facts[f"pieces_{name}"] = float(pieces)
        stray = torch.from_numpy(mask[box] & ~largest)
        n_removed += int(stray.sum())
        p[number][box][stray] = 0.0
    facts["share_removed"] = n_removed / max(1, int(brain.sum()))
    total = p.sum(0)
    p[0] += total <= 1e-6
    return Posteriors(p.div_(p.sum(0)), posteriors.left, posteriors.voxel_mm3), facts


def _each_structure(channel: np.ndarray, left: np.ndarray) -> Iterator[tuple[int, str, np.ndarray]]:
    """Yield channel, name and mask of every structure that is present and shall be in one piece."""
    for number, (first, second) in enumerate(CHANNELS):
        if number in (0, _CSF_CHANNEL):
            continue
        here = channel == number
        sides = [(first, here)] if second is None else [(first, here & left), (second, here & ~left)]
        for index, mask in sides:
            if mask.any():
                yield number, structure(index).name, mask


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the bounding box of a mask that is not empty."""
    ranges = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        hits = np.flatnonzero(mask.any(others))
        ranges.append(slice(int(hits[0]), int(hits[-1]) + 1))
    return tuple(ranges)


def _largest(mask: np.ndarray, reach: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    """Return the largest piece of a mask (connected through ``reach`` where given) and their number."""
    pieces, n_pieces = ndimage.label(mask)
    if n_pieces <= 1:
        return mask, n_pieces
    components = ndimage.label(mask | reach)[0] if reach is not None else pieces
    sizes = np.bincount(components[mask])
    sizes[0] = 0
    return mask & (components == sizes.argmax()), n_pieces


def _n_cavities(mask: np.ndarray) -> int:
    """Return the number of holes: pieces of the outside that do not reach the border of the image."""
    outside, n_pieces = ndimage.label(np.pad(~mask, 1, constant_values=True))
    return n_pieces - 1 if outside.size else 0


def count_pieces(labels: np.ndarray, structures: list[str]) -> dict[str, int]:
    """Return the number of pieces (faces connect) of each structure in an array of FreeSurfer ids."""
    boxes = ndimage.find_objects(np.maximum(labels, 0))
    pieces: dict[str, int] = {}
    for name in structures:
        entry = find_structure(name)
        box = boxes[entry.index - 1] if entry is not None and entry.index <= len(boxes) else None
        if entry is not None and box is not None:
            pieces[name] = int(ndimage.label(labels[box] == entry.index)[1])
    return pieces
