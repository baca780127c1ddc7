"""Whether the image holds the whole brain: tissue that reaches a face of the image was cut off there."""

import numpy as np

from plausibrain.cohorts.label_centres import brain_mask
from plausibrain.cohorts.volumes import LabelMap, to_canonical

_FACES = (("left", "right"), ("posterior", "anterior"), ("inferior", "superior"))
_BRAIN_STEM, _FLUID = 16, 24
#: A ball of this radius, mm, stands for the curvature of the brain's surface.
_RADIUS_MM = 75.0
#: A cut nearer to the surface than this is not seen: an image may be cropped to the brain.
_DEPTH_MM = 2.0


def cut_faces(labels: LabelMap) -> tuple[str, ...]:
    """Return what is cut off, a reason for each of the six faces.

    Parameters
    ----------
    labels : LabelMap
        FreeSurfer's labels on the grid of the image.

    Notes
    -----
    A plane at depth d below the surface of a ball of radius R cuts an area of about 2 pi R d. The outermost
    voxels of an image that is cropped to the brain show as much with d the voxel size. Fluid does not count,
    and at the inferior face neither does the brain-stem, which continues into the neck.
    """
    canonical = to_canonical(labels)
    brain = brain_mask(canonical) & (canonical.data != _FLUID)
    sizes = canonical.voxel_size_mm
    reasons = []
    for axis, ends in enumerate(_FACES):
        voxel_mm2 = canonical.voxel_volume_mm3 / sizes[axis]
        largest = 2 * np.pi * _RADIUS_MM * (sizes[axis] + _DEPTH_MM)
        for end, name in zip((0, -1), ends, strict=True):
            face = brain.take(end, axis)
            if name == "inferior":
                face = face & (canonical.data.take(end, axis) != _BRAIN_STEM)
            area = float(face.sum()) * voxel_mm2
            if area > largest:
                reasons.append(f"the {name} face of the image cuts off the brain ({area:,.0f} mm2)")
    return tuple(reasons)
