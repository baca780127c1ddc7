"""Images that are blurred where the cortex is folded: fidelity that falls with complexity."""

import numpy as np
from scipy.ndimage import gaussian_filter

from plausibrain.cohorts.structures import find_structure
from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.injection import defect

CORTEX = (3, 42)
#: Width over which the density of the cortical surface is taken, mm: about the distance between two gyri.
WIDTH_MM = 6.0
#: Density at which the blur is whole, as a percentile of that within the cortex.
WHOLE = 90.0


@defect(
    label="Blur that grows with folding",
    unit="mm (SD) where the cortex is most folded",
    detects=(7,),
    severities=(1.0, 1.5, 2.0),
    level="image",
)
def folding_blur(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Mix the image with a blurred copy, the more the denser the surface of the cortex is.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid; cortex as one label on each side, or as Desikan-Killiany parcels.
    severity : float
        Standard deviation of the Gaussian, mm, where the cortex is most folded; elsewhere less of it is mixed
        in, and none far from cortex.
    rng : numpy.random.Generator
        Not used: the same blur in everybody.

    Returns
    -------
    tuple of Volume and LabelMap
        The blurred image and the same labels.
    """
    if severity == 0:
        return image, labels
    sizes = image.voxel_size_mm
    weight = folding(labels, sizes)
    blur = gaussian_filter(image.data, [severity / size for size in sizes])
    return Volume(image.data + weight * (blur - image.data), image.affine), labels


def folding(labels: LabelMap, sizes: tuple[float, ...]) -> np.ndarray:
    """Return how densely the surface of the cortex is packed, from 0 to 1, (I, J, K).

    The surface is counted in faces between cortex and what is not cortex.
    """
    indices = np.unique(labels.data)
    parcels = [i for i in indices if (s := find_structure(int(i))) is not None and s.atlas == "dk"]
    cortex = np.isin(labels.data, [*CORTEX, *parcels])
    surface = np.zeros(cortex.shape)
    for axis in range(3):
        border = np.diff(cortex, axis=axis)
        sides = [(0, 1) if k == axis else (0, 0) for k in range(3)]
        surface += np.pad(border, sides) / sizes[axis]
    density = gaussian_filter(surface, [WIDTH_MM / size for size in sizes])
    if not cortex.any():
        return np.zeros(cortex.shape, dtype=np.float32)
    whole = np.percentile(density[cortex], WHOLE)
    return np.clip(density / whole, 0.0, 1.0).astype(np.float32)
