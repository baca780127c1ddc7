"""The brain as extractors and similarities see it: in one position, on one grid, on one grey scale, alone.

Whatever comes after compares anatomy and texture, not where the head lay, whether the skull was cut away, or
which number white matter has. It is also what these numbers cannot see: a generator that puts heads askew or
draws impossible skulls is not punished here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from plausibrain.cohorts.store import hash_file
from plausibrain.cohorts.volumes import read_label_map, read_volume
from plausibrain.evaluation.alignment import aligned
from plausibrain.evaluation.image_normalisation import WHITE_LEVEL, condition

#: Grey value of white matter; what is brighter than 4/3 of it is cut off at 1.
WHITE = 0.75
#: Raise when the standard brain changes: everything made from it is made again.
VERSION = 1


@dataclass(frozen=True)
class Source:
    """One image with its labels, by path.

    Attributes
    ----------
    image, labels : Path
    """

    image: Path
    labels: Path

    @cached_property
    def key(self) -> str:
        """What names the content of both files and the making of the standard brain."""
        return f"{hash_file(self.image)}-{hash_file(self.labels)}-{VERSION}"

    def brain(self, voxel_mm: float) -> np.ndarray:
        """Return the standard brain, float32, 0 to 1, on the common grid.

        Raises
        ------
        DataError
            When a file cannot be read.
        MeasurementError
            When the image cannot be conditioned or aligned.
        """
        scan = condition(read_volume(self.image), read_label_map(self.labels), voxel_mm=voxel_mm)
        brain = aligned(scan.image, scan.labels, voxel_mm)
        return np.clip(brain * np.float32(WHITE / WHITE_LEVEL), 0, 1)


def sources_of(images: Sequence[Path | None], labels: Sequence[Path | None]) -> list[Source | None]:
    """Return the sources of a cohort's rows; None where image or labels are missing."""
    both = zip(images, labels, strict=True)
    return [
        Source(image, label) if image is not None and label is not None else None for image, label in both
    ]
