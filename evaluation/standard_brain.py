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
from plausibrain.evaluation.image_normalisation import WHITE_LEVEL, Scan, condition

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
    hashes : tuple of str, optional
        Of the content of both files, where it is known.
    """

    image: Path
    labels: Path
    hashes: tuple[str, str] | None = None

    @cached_property
    def key(self) -> str:
        """What names the content of both files and the making of the standard brain."""
        return brain_key(*(self.hashes or (hash_file(self.image), hash_file(self.labels))))

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
        return brain_of(scan, voxel_mm)


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


def sources_of(
    images: Sequence[Path | None],
    labels: Sequence[Path | None],
    hashes: Sequence[tuple[str, str] | None] | None = None,
) -> list[Source | None]:
    """Return the sources of a cohort's rows; None where image or labels are missing."""
    rows = zip(images, labels, hashes or [None] * len(images), strict=True)
    return [
        Source(image, label, digest) if image is not None and label is not None else None
        for image, label, digest in rows
    ]
