"""Bringing brains into one position: rigidly, by the centres of labelled structures.

Nothing is iterated and no intensity is looked at, so both cohorts are aligned by the same rule however
their contrast differs, and an image's position depends on its own labels alone. Size and shape stay as they
are. Poor labels move the brain: a structure whose centre is 5 mm off moves it by about 5 mm over their
number.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.label_centres import brain_mask, label_centres
from plausibrain.cohorts.rigid import fit_rigid
from plausibrain.cohorts.volumes import LabelMap, Volume, resample_to

#: Field of view of the common space, mm: that of the brain LDM, in which every adult brain fits.
FIELD_MM = (160, 224, 160)
MIN_STRUCTURES = 8
MIN_VOXELS = 8
#: Fluid outside the ventricles is everywhere: its centre is no place.
_FLUID = 24
_TEMPLATE = "centres.tsv"


@dataclass(frozen=True, eq=False)
class Pose:
    """A rigid transform of the world, and how well it fits.

    Attributes
    ----------
    matrix : ndarray, (4, 4)
        World of the image to the common space, mm.
    error_mm : float
        Root mean square distance of the structures from their places after it.
    """

    matrix: np.ndarray
    error_mm: float


def centres(labels: LabelMap) -> dict[int, np.ndarray]:
    """Return the centre of every structure of at least 8 voxels, world mm, by FreeSurfer index."""
    return label_centres(labels, min_voxels=MIN_VOXELS)


@cache
def template_centres() -> dict[int, np.ndarray]:
    """Return the place of every structure in the common space, mm; ``estimate_template`` made the file."""
    text = (files("plausibrain.evaluation") / "data" / _TEMPLATE).read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return {int(row["index"]): np.array([float(row[axis]) for axis in "xyz"]) for row in rows}


def pose(labels: LabelMap) -> Pose:
    """Return the rigid transform that brings a brain into the common space.

    Parameters
    ----------
    labels : LabelMap
        FreeSurfer's labels, on any grid.

    Raises
    ------
    MeasurementError
        With fewer than 8 structures.
    """
    own, template = centres(labels), template_centres()
    ids = [k for k in sorted(own) if k in template and k != _FLUID]
    if len(ids) < MIN_STRUCTURES:
        raise MeasurementError(
            f"{len(ids)} labelled structures to align the brain by; at least {MIN_STRUCTURES} are needed"
        )
    return fit_pose(np.array([own[k] for k in ids]), np.array([template[k] for k in ids]))


def fit_pose(source: np.ndarray, target: np.ndarray) -> Pose:
    """Return the rigid transform that brings points nearest to others, and how far they stay apart.

    Parameters
    ----------
    source, target : ndarray, (n, 3)

    Examples
    --------
    >>> points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]])
    >>> fit_pose(points, points + 5).matrix[:3, 3].round(6).tolist()
    [5.0, 5.0, 5.0]
    """
    matrix = fit_rigid(source, target)
    image = source @ matrix[:3, :3].T + matrix[:3, 3]
    return Pose(matrix, float(np.sqrt(((image - target) ** 2).sum(axis=1).mean())))


def common_grid(voxel_mm: float) -> tuple[tuple[int, int, int], np.ndarray]:
    """Return shape and affine of the common space at a voxel size; its centre is the origin.

    Examples
    --------
    >>> common_grid(2.0)[0]
    (80, 112, 80)
    """
    i, j, k = (round(side / voxel_mm) for side in FIELD_MM)
    affine = np.diag([voxel_mm] * 3 + [1.0])
    affine[:3, 3] = -voxel_mm * (np.array([i, j, k]) - 1) / 2
    return (i, j, k), affine


def aligned(image: Volume, labels: LabelMap, voxel_mm: float) -> np.ndarray:
    """Return the brain alone in the common space, everything else 0.

    Parameters
    ----------
    image : Volume, (I, J, K)
    labels : LabelMap
        On the same grid; what is not labelled as brain is left out.
    voxel_mm : float
        Of the result; not finer than the image is worth.

    Returns
    -------
    ndarray of float32, shape of `common_grid`
    """
    matrix = pose(labels).matrix
    shape, affine = common_grid(voxel_mm)
    brain = np.where(brain_mask(labels), image.data, 0).astype(np.float32)
    volume = resample_to(Volume(brain, matrix @ image.affine), shape, affine)
    return volume.data.astype(np.float32, copy=False)


def template_table(centres: Mapping[int, np.ndarray]) -> str:
    """Return places as the text of the template file."""
    rows = [f"{k}\t" + "\t".join(f"{v:.2f}" for v in xyz) for k, xyz in sorted(centres.items())]
    return "\n".join(["index\tx\ty\tz", *rows]) + "\n"
