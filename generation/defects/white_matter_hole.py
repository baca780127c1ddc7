"""A hole in the white matter, filled with fluid: what no healthy brain has."""

import numpy as np

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.image_scale import fill_like
from plausibrain.generation.injection import defect

WHITE_MATTER, FLUID = (2, 41), 24


@defect(
    label="Hole in white matter",
    unit="mm (radius)",
    detects=(1, 7),
    severities=(3.0, 6.0, 10.0),
    level="image",
)
def white_matter_hole(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Replace the white matter inside a ball by CSF.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid; a subject without white matter or CSF stays as it is.
    severity : float
        Radius, mm.
    rng : numpy.random.Generator
        Chooses the centre among white-matter voxels, and the grey values.

    Returns
    -------
    tuple of Volume and LabelMap
        Image and labels with the hole.
    """
    white = np.isin(labels.data, WHITE_MATTER)
    if severity <= 0 or not white.any():
        return image, labels
    voxels = np.argwhere(white)
    centre = voxels[rng.integers(len(voxels))]
    away = (voxels - centre) @ image.affine[:3, :3].T
    hole = np.zeros(labels.shape, bool)
    hole[tuple(voxels[np.linalg.norm(away, axis=1) <= severity].T)] = True
    return fill_like(image, labels, hole, FLUID, rng)
