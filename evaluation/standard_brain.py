"""The brain as extractors and similarities see it: in one position, on one grid, on one grey scale, alone.

Whatever comes after compares anatomy and texture, not where the head lay, whether the skull was cut away, or
which number white matter has. It is also what these numbers cannot see: a generator that puts heads askew or
draws impossible skulls is not punished here.
"""

import numpy as np

from plausibrain.evaluation.alignment import aligned
from plausibrain.evaluation.image_normalisation import WHITE_LEVEL, Scan

#: Grey value of white matter; what is brighter than 4/3 of it is cut off at 1.
WHITE = 0.75
#: Raise when the standard brain changes: everything made from it is made again.
VERSION = 1


def brain_key(image_hash: str, labels_hash: str) -> str:
    """Return what names the content of both files and the making of the standard brain."""
    return f"{image_hash}-{labels_hash}-{VERSION}"


def brain_of(scan: Scan, voxel_mm: float) -> np.ndarray:
    """Return the standard brain of a scan, float32, 0 to 1, on the common grid.

    Raises
    ------
    MeasurementError
        When the scan cannot be aligned.
    """
    brain = aligned(scan.image, scan.labels, voxel_mm)
    return np.clip(brain * np.float32(WHITE / WHITE_LEVEL), 0, 1)
