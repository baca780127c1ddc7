"""The head mirrored, its labels with it: left is right, and nothing else tells."""

import numpy as np

from plausibrain.cohorts.structures import homologue, structure
from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.injection import defect


@defect(
    label="Mirrored image",
    unit="chance of mirroring",
    detects=(3,),
    severities=(0.1, 0.25, 0.5, 1.0),
    level="image",
)
def mirrored_image(
    image: Volume, labels: LabelMap, *, severity: float, rng: np.random.Generator
) -> tuple[Volume, LabelMap]:
    """Reverse the axis that runs from left to right, with the chance given.

    Parameters
    ----------
    image, labels : Volume, LabelMap
        Same grid.
    severity : float
        Chance that this image is mirrored, 0 to 1.
    rng : numpy.random.Generator
        Decides.

    Returns
    -------
    tuple of Volume and LabelMap
        The mirrored image, and its labels named by the side where they now lie.
    """
    if rng.random() >= severity:
        return image, labels
    axis = int(np.argmax(np.abs(image.affine[0, :3])))
    other_side = np.arange(max(int(labels.data.max()) + 1, 1))
    for label in np.unique(labels.data[labels.data > 0]):
        other = homologue(structure(int(label)).name)
        if other is not None:
            other_side[label] = structure(other).index
    mirror_pair = np.flip(image.data, axis), other_side[np.flip(labels.data, axis)]
    return Volume(mirror_pair[0], image.affine), LabelMap(mirror_pair[1], labels.affine)
