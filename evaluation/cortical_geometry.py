"""How folded the cortex is, region by region, from a label map: fractal dimension and local gyrification.

Fractal dimension is that of box counting: the slope of the logarithm of the number of occupied boxes on that
of one over their size. A plane has 2, a line 1, a solid 3; a folded ribbon lies between 2 and 3. It depends
on the voxel size and on the sizes of the boxes, so regions are compared within one protocol only.

Local gyrification is the surface of a region over the part of a smooth envelope that lies nearest to it,
after Schaer et al. 2008 (key Schaer2008), who close the surface with a ball of 15 mm. A smooth brain has 1.
Both surfaces are counted in faces of voxels, which overstates oblique surfaces by up to 1.7 times in both.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.structures import find_structure
from plausibrain.cohorts.volumes import LabelMap

BOX_SIZES = (1, 2, 4, 8)
CLOSING_MM = 15.0
LEAST_VOXELS = 50
#: Of its surface that a parcel must have of the envelope: one in a sulcus has no envelope of its own.
LEAST_ENVELOPE = 0.1
WHITE_MATTER = {"left": 2, "right": 41}
Region = dict[str, float]


def box_counts(mask: np.ndarray, sizes: Sequence[int] = BOX_SIZES) -> np.ndarray:
    """Return the number of boxes that a set touches, for each size in voxels, (len(sizes),).

    The fewest over grids that start at the first voxel or half a box before it, along each axis.

    Parameters
    ----------
    mask : ndarray of bool, (I, J, K)
    sizes : sequence of int

    Examples
    --------
    >>> box_counts(np.ones((8, 8, 1), dtype=bool), (1, 2, 4)).tolist()
    [64, 16, 4]
    """
    voxels = np.argwhere(mask)
    voxels = voxels - voxels.min(axis=0) if len(voxels) else voxels
    strides = np.array([1 << 40, 1 << 20, 1])  # a number per box, which sorts faster than its three
    counts = []
    for size in sizes:
        starts = (0, size // 2) if size > 1 else (0,)
        grids = [(a, b, c) for a in starts for b in starts for c in starts]
        counts.append(min(len(np.unique(((voxels + grid) // size) @ strides)) for grid in grids))
    return np.array(counts)


def fractal_dimension(mask: np.ndarray, sizes: Sequence[int] = BOX_SIZES) -> float:
    """Return the box-counting dimension of a set; NaN for an empty one.

    References
    ----------
    Madan and Kensinger 2016 (key Madan2016), for the cortex.

    Examples
    --------
    >>> round(fractal_dimension(np.ones((64, 64, 1), dtype=bool)), 9)
    2.0
    """
    counts = box_counts(mask, sizes)
    if counts.min() == 0:
        return float("nan")
    return float(-np.polyfit(np.log(sizes), np.log(counts), 1)[0])


def faces(mask: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    """Return the area of the faces of each voxel of a set that border its outside, mm², (I, J, K).

    Examples
    --------
    >>> faces(np.ones((1, 1, 1), dtype=bool), (1.0, 2.0, 3.0)).item()
    22.0
    """
    frame = np.pad(mask, 1)
    area = np.zeros(mask.shape)
    for axis in range(3):
        face = float(np.prod(spacing_mm) / spacing_mm[axis])
        for step in (-1, 1):
            inner = np.roll(frame, step, axis=axis)[1:-1, 1:-1, 1:-1]
            area += face * (mask & ~inner)
    return area


def closed(mask: np.ndarray, radius_mm: float, spacing_mm: Sequence[float]) -> np.ndarray:
    """Return a set closed by a ball: what is within no ball of that radius outside the set.

    The radius is moved to half a voxel beyond whole ones, so that a ball that rests on two edges of a narrow
    groove does not reach one voxel into it.
    """
    step = min(spacing_mm)
    radius_mm = (np.floor(radius_mm / step) + 0.5) * step
    margin = [int(np.ceil(radius_mm / s)) + 1 for s in spacing_mm]
    frame = np.pad(mask, [(m, m) for m in margin])
    grown = ndimage.distance_transform_edt(~frame, sampling=spacing_mm) <= radius_mm
    shrunk = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > radius_mm
    inner = tuple(slice(m, -m) for m in margin)
    return np.asarray((shrunk | frame)[inner])


def gyrification(
    parcels: np.ndarray, inside: np.ndarray, spacing_mm: Sequence[float], radius_mm: float = CLOSING_MM
) -> dict[int, float]:
    """Return surface over envelope of every parcel of one hemisphere; NaN where it is hidden in a sulcus.

    Parameters
    ----------
    parcels : ndarray of int, (I, J, K)
        0 outside the cortex.
    inside : ndarray of bool, (I, J, K)
        What lies inside the cortical surface: white matter and what it encloses, for example.
    spacing_mm : sequence of float
    radius_mm : float
        Of the ball that closes the surface.
    """
    whole = (parcels > 0) | inside
    envelope = closed(whole, radius_mm, spacing_mm)
    surface, hull = faces(whole, spacing_mm), faces(envelope, spacing_mm)
    nearest = ndimage.distance_transform_edt(
        parcels == 0, sampling=spacing_mm, return_distances=False, return_indices=True
    )
    owner = parcels[tuple(nearest)]
    n = int(parcels.max()) + 1
    own = np.bincount(parcels.ravel(), weights=surface.ravel(), minlength=n)
    outer = np.bincount(owner.ravel(), weights=hull.ravel(), minlength=n)
    hidden = outer < LEAST_ENVELOPE * own
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.where(hidden, np.nan, own / outer)
    return {int(k): float(index[k]) for k in np.unique(parcels) if k}


def cortical_geometry(labels: LabelMap) -> dict[str, Region]:
    """Return fractal dimension and local gyrification of every Desikan-Killiany parcel of a label map.

    Parameters
    ----------
    labels : LabelMap
        With parcels of the cortex and white matter of both hemispheres.

    Returns
    -------
    dict of str to dict
        Parcel -> ``fractal_dimension``, ``gyrification``; parcels of fewer than 50 voxels are left out.
    """
    spacing = np.linalg.norm(labels.affine[:3, :3], axis=0)
    regions: dict[str, Region] = {}
    present = [s for i in np.unique(labels.data) if (s := find_structure(int(i))) is not None]
    for side, white in WHITE_MATTER.items():
        parcels = {s.index: s.name for s in present if s.atlas == "dk" and s.hemisphere == side}
        if not parcels:
            continue
        cortex = np.where(np.isin(labels.data, list(parcels)), labels.data, 0)
        ribbon, inside = _crop(cortex, labels.data == white)
        index = gyrification(ribbon, ndimage.binary_fill_holes((ribbon > 0) | inside), spacing)
        for label, name in parcels.items():
            mask = ribbon == label
            if mask.sum() >= LEAST_VOXELS:
                regions[name] = {"fractal_dimension": fractal_dimension(mask), "gyrification": index[label]}
    return regions


def _crop(parcels: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    box = ndimage.find_objects(((parcels > 0) | inside).astype(np.int32))[0]
    return parcels[box], inside[box]
