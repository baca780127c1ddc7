"""Label maps whose cortex is whole, with the cortex divided into Desikan-Killiany parcels.

Segmenters write the cortex of a hemisphere as one label. Its parcels follow from the same labels by the
parcellation of the package (`plausibrain.evaluation.cortical_parcels`), voxel by voxel the likeliest one.
"""

import numpy as np
import torch
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.structures import names, structure
from plausibrain.cohorts.volumes import LabelMap, from_canonical, to_canonical
from plausibrain.evaluation.cortical_parcels import Parcellation, divide_cortex
from plausibrain.evaluation.posteriors import IDS, Posteriors

CORTEX = (3, 42)
TOLERANCE_MM = 0.1
_DK = np.array([structure(name).index for name in names("dk")])


def with_parcels(labels: LabelMap, parcellation: Parcellation | None = None) -> LabelMap:
    """Return a label map with parcels in place of the whole cortex; as it is where it has some.

    Parameters
    ----------
    labels : LabelMap
        FreeSurfer's labels, voxels of about 1 or 2 mm.
    parcellation : Parcellation, optional
        That of the package where none is given.

    Raises
    ------
    MeasurementError
        When there is no cortex, or the voxels have another size.
    """
    if np.isin(labels.data, _DK).any():
        return labels
    canonical = to_canonical(labels)
    voxel_mm = _voxel_mm(canonical)
    box = ndimage.find_objects((canonical.data > 0).astype(np.int32))
    if not box or not np.isin(canonical.data, CORTEX).any():
        raise MeasurementError("no cortex (labels 3 and 42) in the label map")
    halves = divide_cortex(hard_posteriors(canonical.data[box[0]], voxel_mm), voxel_mm, parcellation)
    data = canonical.data.copy()
    part = data[box[0]]
    for half, whole in zip(halves, CORTEX, strict=True):
        at = tuple(half.places.numpy())
        own = part[at] == whole
        part[at] = np.where(own, np.array(half.labels)[half.shares.argmax(1).numpy()], part[at])
    return from_canonical(LabelMap(data, canonical.affine), labels)


def _voxel_mm(labels: LabelMap) -> int:
    size = np.array(labels.voxel_size_mm)
    for voxel_mm in (1, 2):
        if np.abs(size - voxel_mm).max() <= TOLERANCE_MM * voxel_mm:
            return voxel_mm
    text = " x ".join(f"{s:.2f}" for s in size)
    raise MeasurementError(f"parcels take voxels of 1 or 2 mm, the label map has {text} mm")


def hard_posteriors(data: np.ndarray, voxel_mm: int) -> Posteriors:
    """Return labels (I, J, K) as posteriors of ones and zeros; what no channel has is background."""
    n = len(IDS)
    channel = np.zeros(int(max(data.max(), IDS.max())) + 1, np.int64)
    is_left = np.zeros(len(channel), np.float32)
    for i, (right_id, left_id) in enumerate(IDS):
        channel[[right_id, left_id]] = i
        is_left[left_id] = 1.0
    winners = torch.from_numpy(channel[data])
    structures = torch.zeros((n, *data.shape), dtype=torch.float32)
    structures.scatter_(0, winners[None], 1.0)
    return Posteriors(structures, torch.from_numpy(is_left[data]), float(voxel_mm**3))
