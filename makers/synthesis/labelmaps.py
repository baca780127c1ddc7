"""Reading the training label maps: RAS, cropped around the brain, one byte a voxel."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from makers.synthesis.anatomy import Codebook, make_codebook

_MARGIN_MM = 32
_DEEP = (4, 5, 10, 11, 12, 13, 17, 18, 26, 28, 43, 44, 49, 50, 51, 52, 53, 54, 58, 60)


@dataclass(frozen=True)
class TrainingMap:
    """One label map.

    Attributes
    ----------
    codes : Tensor of uint8, (I, J, K)
        Positions in ``Codebook.labels``; axes RAS, 1 mm.
    brain, deep : Tensor of int16, (n, 3)
        Voxels among which the centre of a training block is drawn: all of the brain, and its deep structures.
    middle : Tensor, (3,)
        Of the box around the brain, voxels.
    """

    codes: torch.Tensor
    brain: torch.Tensor
    deep: torch.Tensor
    middle: torch.Tensor


def read_training_maps(folder: Path) -> tuple[Codebook, list[TrainingMap]]:
    """Return the codebook and all maps ``seg_*.nii.gz`` of a folder, in the order of their names.

    Parameters
    ----------
    folder : Path
        Holds the maps and ``generation_labels.npy``, as SynthSeg distributes them.
    """
    codebook = make_codebook(np.load(folder / "generation_labels.npy"))
    return codebook, [_read_map(path, codebook) for path in sorted(folder.glob("seg_*.nii.gz"))]


def _read_map(path: Path, codebook: Codebook) -> TrainingMap:
    image = nib.as_closest_canonical(nib.load(path))
    values = np.asarray(image.dataobj).astype(np.int64)
    inside = np.argwhere((values > 0) & (values < 500))
    low = np.maximum(inside.min(0) - _MARGIN_MM, 0)
    high = inside.max(0) + _MARGIN_MM
    values = values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    lookup = np.zeros(int(codebook.labels.max()) + 1, np.uint8)
    lookup[codebook.labels] = np.arange(len(codebook.labels))
    brain = np.argwhere((values > 0) & (values < 500) & (values != 24))
    deep = np.argwhere(np.isin(values, _DEEP))[::10]
    return TrainingMap(
        codes=torch.from_numpy(lookup[values]),
        brain=torch.from_numpy(brain[::50].astype(np.int16)),
        deep=torch.from_numpy(deep.astype(np.int16)),
        middle=torch.from_numpy(((brain.min(0) + brain.max(0)) / 2).astype(np.float32)),
    )
