"""An image that is needed again after its visit: from what the visit left, or else opened again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import hash_file
from plausibrain.evaluation.open_image import OpenImage
from plausibrain.evaluation.scratch import Scratch
from plausibrain.evaluation.slices import View, view_of
from plausibrain.evaluation.standard_brain import brain_key


@dataclass(frozen=True)
class Source:
    """One image with its labels, by path.

    Attributes
    ----------
    image : Path
    labels : Path or None
    hashes : tuple of str, optional
        Of the content of both files, where it is known.
    scratch : Scratch, optional
        Where the visit may have left something.
    """

    image: Path
    labels: Path | None
    hashes: tuple[str, str] | None = None
    scratch: Scratch | None = None

    @cached_property
    def key(self) -> str:
        """What names the content of both files and the making of the standard brain.

        Raises
        ------
        DataError
            When a file cannot be read, or there are no labels.
        """
        if self.hashes is None and self.labels is None:
            raise DataError(f"{self.image}: has no label map")
        return brain_key(*(self.hashes or (hash_file(self.image), hash_file(str(self.labels)))))

    def brain(self, voxel_mm: float) -> np.ndarray:
        """Return the standard brain, float32, 0 to 1, on the common grid.

        Raises
        ------
        DataError
            When a file cannot be read.
        MeasurementError
            When the image cannot be conditioned or aligned.
        """
        if self.scratch is not None and self.scratch.voxel_mm == voxel_mm:
            brain = self.scratch.brain(self.key)
            if brain is not None:
                return brain
        return OpenImage(self.image, self.labels).brain(voxel_mm)

    def view(self, voxel_mm: float) -> View:
        """Return what a page shows of the image.

        Raises
        ------
        DataError
            When a file cannot be read.
        """
        if self.scratch is not None and self.hashes is not None:
            view = self.scratch.view(self.key)
            if view is not None:
                return view
        image = OpenImage(self.image, self.labels)
        labels = None if self.labels is None else image.label_map
        return view_of(image.volume, labels, voxel_mm=voxel_mm)


def sources_of(
    images: Sequence[Path | None],
    labels: Sequence[Path | None],
    hashes: Sequence[tuple[str, str] | None] | None = None,
    scratch: Scratch | None = None,
) -> list[Source | None]:
    """Return the sources of a cohort's rows; None where image or labels are missing."""
    rows = zip(images, labels, hashes or [None] * len(images), strict=True)
    return [
        Source(Path(image).absolute(), Path(label).absolute(), digest, scratch)
        if image is not None and label is not None
        else None
        for image, label, digest in rows
    ]
