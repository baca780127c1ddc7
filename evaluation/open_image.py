"""An image that is opened once for all that is done with it: bytes, their hash, voxels, labels, one footing.

Every part is made when it is first asked for and kept until the image is closed, so a step that finds its
result in the store costs no more than the hash.
"""

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.image_files import read_bytes
from plausibrain.cohorts.volumes import LabelMap, Volume, read_label_map, read_volume
from plausibrain.evaluation.image_normalisation import Scan, condition
from plausibrain.evaluation.standard_brain import brain_of


class _File:
    """A file that is read once; its bytes go when both hash and content were taken from them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content: bytes | None = None

    @property
    def content(self) -> bytes:
        if self._content is None:
            self._content = read_bytes(self.path)
        return self._content

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def taken(self) -> bytes:
        """Return the bytes for the last time."""
        _ = self.hash
        content, self._content = self.content, None
        return content


class OpenImage:
    """One image, with its label map where there is one.

    Parameters
    ----------
    path : Path
    labels : Path, optional
        Label map.
    """

    def __init__(self, path: Path, labels: Path | None = None) -> None:
        self.path = path
        self._file = _File(path)
        self._label_file = None if labels is None else _File(labels)
        self._given: tuple[str, LabelMap] | None = None
        self._scans: dict[float, Scan] = {}
        self._brains: dict[float, np.ndarray] = {}

    @property
    def hash(self) -> str:
        """SHA-256 of the image file; `DataError` when it cannot be read."""
        return self._file.hash

    @cached_property
    def volume(self) -> Volume:
        """Voxels and affine; `DataError` when the file is broken."""
        return read_volume(self.path, self._file.taken())

    @property
    def labels_hash(self) -> str:
        """SHA-256 of the label file; `DataError` when there is none."""
        return self._given[0] if self._given is not None else self._labels().hash

    @cached_property
    def label_map(self) -> LabelMap:
        """Labels; `DataError` when the file is broken."""
        if self._given is not None:
            return self._given[1]
        file = self._labels()
        return read_label_map(file.path, file.taken())

    def label(self, labels: LabelMap, path: Path) -> str:
        """Give the image labels that were just written to a file; return the hash of that file.

        They are rounded as the file rounds them: whoever reads the file finds the same numbers.
        """
        affine = labels.affine.astype(np.float32).astype(np.float64)
        file = _File(path)
        self._given = file.hash, LabelMap(labels.data, affine, labels.remarks)
        return file.hash

    def label_later(self, path: Path, content_hash: str) -> None:
        """Give the image a label map that lies in the store; it is read when somebody asks for it."""
        self._label_file = _File(path)
        if content_hash:
            self._label_file.__dict__["hash"] = content_hash

    @property
    def known_hashes(self) -> tuple[str, str] | None:
        """Hashes of image and labels; None where one cannot be read."""
        try:
            return self.hash, self.labels_hash
        except DataError:
            return None

    def forget(self) -> None:
        """Give up the voxels; who asks for them again reads the file again."""
        for name in ("volume", "label_map"):
            self.__dict__.pop(name, None)
        self._scans.clear()
        self._brains.clear()

    def has_scan(self, voxel_mm: float) -> bool:
        """Tell whether somebody asked for the scan, so that it is at hand."""
        return voxel_mm in self._scans

    def scan(self, voxel_mm: float) -> Scan:
        """Return image and labels on the common footing.

        Raises
        ------
        MeasurementError
            When the image cannot be conditioned.
        """
        if voxel_mm not in self._scans:
            self._scans[voxel_mm] = condition(self.volume, self.label_map, voxel_mm=voxel_mm)
        return self._scans[voxel_mm]

    def brain(self, voxel_mm: float) -> np.ndarray:
        """Return the standard brain, see `plausibrain.evaluation.standard_brain.brain_of`."""
        if voxel_mm not in self._brains:
            self._brains[voxel_mm] = brain_of(self.scan(voxel_mm), voxel_mm)
        return self._brains[voxel_mm]

    def _labels(self) -> _File:
        if self._label_file is None:
            raise DataError(f"{self.path}: has no label map")
        return self._label_file
