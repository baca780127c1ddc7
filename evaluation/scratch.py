"""What the visit of an image leaves for the rest of the run, so that nobody opens the image again.

Pairs of images are compared when all were visited, and which images a page shows is known when all were
judged. Both need arrays, which are too large to keep: they lie in the run folder until the report is written.
Whoever finds nothing here opens the image again and gets the same numbers.
"""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plausibrain.cohorts.store import Store
from plausibrain.evaluation.open_image import OpenImage
from plausibrain.evaluation.slices import Picture, View, view_of_scan
from plausibrain.evaluation.standard_brain import brain_key

#: Images of a cohort up to which all leave something: at 1 mm about 5 MB each.
MOST_IMAGES = 2000
#: Raise when a view changes.
_VERSION = 1


@dataclass(frozen=True)
class Scratch:
    """A folder of standard brains and views.

    Parameters
    ----------
    folder : Path
        Of one run.
    voxel_mm : float
        Working resolution.
    """

    folder: Path
    voxel_mm: float

    def leave(self, image: OpenImage) -> None:
        """Leave standard brain and view of an image that is open; does nothing with one that is not.

        Raises
        ------
        MeasurementError
            When the image cannot be aligned.
        """
        if not image.has_scan(self.voxel_mm):
            return
        source, store = brain_key(image.hash, image.labels_hash), Store(self.folder)
        for kind, arrays_of in (("view", _view_arrays), ("brain", _brain_arrays)):
            key = self._key(kind, source)
            if store.get(key, ".npz") is None:
                content = io.BytesIO()
                np.savez_compressed(content, **arrays_of(image, self.voxel_mm))  # type: ignore[arg-type]
                store.put(key, ".npz", lambda path, content=content: path.write_bytes(content.getvalue()))  # type: ignore[misc]

    def brain(self, source: str) -> np.ndarray | None:
        """Return the standard brain that the visit of an image left; None where it left none.

        Parameters
        ----------
        source : str
            From `plausibrain.evaluation.standard_brain.brain_key`.
        """
        arrays = self._arrays("brain", source)
        return None if arrays is None else arrays["brain"]

    def view(self, source: str) -> View | None:
        """Return the view that the visit of an image left; None where it left none."""
        arrays = self._arrays("view", source)
        if arrays is None:
            return None
        remark, pose_remark = arrays["remarks"].tolist()
        planes = Picture(arrays["planes"], remark, arrays["outlines"])
        return View(planes, Picture(arrays["pose"], pose_remark), arrays["field"])

    def _key(self, kind: str, source: str) -> str:
        return Store.key("scratch", kind, source, self.voxel_mm, _VERSION)

    def _arrays(self, kind: str, source: str) -> dict[str, np.ndarray] | None:
        path = Store(self.folder).get(self._key(kind, source), ".npz")
        if path is None:
            return None
        try:
            with np.load(path, allow_pickle=False) as content:
                return dict(content)
        except (
            OSError,
            ValueError,
            zipfile.BadZipFile,
        ):
            return None  # removed or damaged since: the image is opened again


def _brain_arrays(image: OpenImage, voxel_mm: float) -> dict[str, np.ndarray]:
    return {"brain": image.brain(voxel_mm)}


def _view_arrays(image: OpenImage, voxel_mm: float) -> dict[str, np.ndarray]:
    view = view_of_scan(image.scan(voxel_mm), lambda: image.brain(voxel_mm))
    outlines = view.planes.outlines
    return {
        "planes": view.planes.pixels, "pose": view.pose.pixels, "field": view.field,
        "outlines": np.zeros_like(view.planes.pixels, bool) if outlines is None else outlines,
        "remarks": np.array([view.planes.remark, view.pose.remark]),
    }  # fmt: skip
