"""Heads made of ellipsoids with known grey values, noise and air, on the common footing."""

import numpy as np
from scipy.ndimage import binary_dilation

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.evaluation.image_normalisation import Scan, condition
from tests.unit.evaluation_segmenters.phantoms import INTENSITY, make_labels

VOXEL_MM = 3.0
SCALP = 90.0


def phantom(
    *, noise: float = 3.0, air: float = 0.0, scalp: bool = False, gain: float = 1.0, seed: int = 0
) -> tuple[Volume, LabelMap]:
    """Return an image and its labels: white 110, grey 70, ventricles 25, fluid 30, times `gain`.

    Parameters
    ----------
    noise : float
        Standard deviation in tissue.
    air : float
        Standard deviation of each channel of the Rayleigh noise around the head.
    scalp : bool
        Whether a bright shell lies 9 to 18 mm outside the fluid.
    """
    labels = make_labels(VOXEL_MM, side_mm=240.0)
    rng = np.random.default_rng(seed)
    lookup = np.zeros(64)
    lookup[list(INTENSITY)] = list(INTENSITY.values())
    data = lookup[labels.data]
    if scalp:
        inside = labels.data > 0
        data[binary_dilation(inside, iterations=6) & ~binary_dilation(inside, iterations=3)] = SCALP
    data = data + noise * rng.standard_normal(data.shape) * (data > 0)
    empty = data == 0
    data[empty] = air * np.hypot(*rng.standard_normal((2, int(empty.sum()))))
    return Volume(gain * data, labels.affine), labels


def scan(**given: float | bool) -> Scan:
    """Condition a phantom at its own resolution."""
    image, labels = phantom(**given)
    return condition(image, labels, voxel_mm=VOXEL_MM)


def box(data: np.ndarray, white: np.ndarray, grey: np.ndarray | None = None, voxel_mm: float = 1.0) -> Scan:
    """Return a scan of given grey values as they are: white matter, and the rest (or `grey`) cortex."""
    labels = np.where(white, 2, 3 if grey is None else np.where(grey, 3, 0))
    affine = np.diag([voxel_mm] * 3 + [1.0])
    image, names = Volume(data, affine), LabelMap(labels, affine)
    return Scan(image, names, image, names, step=0.0)
