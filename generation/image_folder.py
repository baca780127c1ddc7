"""A folder of images as a model: which image belongs to which row, and whether all lie on one grid."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.identity import match_ids
from plausibrain.cohorts.locations import find_images, image_stem
from plausibrain.cohorts.store import Store, hash_file
from plausibrain.cohorts.volumes import Volume, read_volume
from plausibrain.generation.model import ImageGrid, check_rows

#: How far apart two affines of one grid may be, mm: headers keep them as float32.
SAME_MM = 1e-3
NO_ORIENTATION = "no orientation"


@dataclass(frozen=True)
class ImageFolder:
    """Images made elsewhere, as a `plausibrain.generation.model.Model`.

    Attributes
    ----------
    folder : Path
    images : tuple of Path
        Sorted.
    grid : ImageGrid
        Of the first image; all must have it.
    checkpoint_hash : str
        SHA-256 of the names and contents of all files.
    files : str
        Column that names the file of a row; empty where file names begin with ids.
    assume_orientation : bool
        Accept headers that state no orientation.
    """

    folder: Path
    images: tuple[Path, ...]
    grid: ImageGrid
    checkpoint_hash: str
    files: str = ""
    assume_orientation: bool = False
    name: str = "folder"
    conditions: tuple[str, ...] = ()
    _owned: dict[str, Path] = field(default_factory=dict, repr=False)

    @classmethod
    def read(
        cls, folder: Path, *, pattern: str = "", files: str = "", assume_orientation: bool = False
    ) -> "ImageFolder":
        """Return the images of a folder; see `plausibrain.generation.models.folder.folder`."""
        if not folder.is_dir():
            raise DataError(f"{folder}: expected a folder of images, found none; check the path")
        images = find_images(folder, pattern or None)
        if not images:
            raise DataError(f"{folder}: no image (.nii, .nii.gz, .mgz) in it; say where with option pattern=")
        first = read_volume(images[0])
        contents = [[str(path.relative_to(folder)), hash_file(path)] for path in images]
        grid = ImageGrid.of(first.shape, first.affine)
        return cls(folder, images, grid, Store.key(contents), files, assume_orientation)

    @property
    def columns(self) -> tuple[str, ...]:
        """Column of the table that names files, if one does."""
        return (self.files,) if self.files else ()

    @property
    def description(self) -> Mapping[str, Any]:
        """What ``GeneratedBy`` says: made elsewhere, and what was assumed."""
        return {"made": "elsewhere", "orientation_assumed": self.assume_orientation}

    def check_subjects(self, subjects: pd.DataFrame) -> None:
        """Refuse a table and a folder of which one holds more than the other."""
        paths = self._images_of(subjects)
        nobody = sorted(set(self.images) - set(paths))
        if nobody:
            raise DataError(
                f"{self.folder}: {len(nobody)} of {len(self.images)} images belong to no row, for example "
                f"{nobody[0].name}; add their rows, or leave the files out with option pattern="
            )
        self._owned.update(zip(subjects["participant_id"].astype(str), paths, strict=True))

    def sample(self, rows: pd.DataFrame, seeds: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield the image of each row; see `plausibrain.generation.model.Model`."""
        check_rows(rows, seeds, self.conditions)
        ids = rows["participant_id"].astype(str)
        own = [self._owned[name] for name in ids if name in self._owned]
        for path in own if len(own) == len(rows) else self._images_of(rows):
            yield self._check(path, read_volume(path)).data

    def _images_of(self, rows: pd.DataFrame) -> list[Path]:
        ids = rows["participant_id"].astype(str)
        matches = self._by_name(rows) if self.files else self._match(ids)
        absent = [name for name, paths in zip(ids, matches, strict=True) if not paths]
        if absent:
            raise DataError(
                f"{self.folder}: {len(absent)} of {len(ids)} rows have no image, for example {absent[0]!r}; "
                "file names must begin with the id, or a column names the files (option files=)"
            )
        several = [(name, paths) for name, paths in zip(ids, matches, strict=True) if len(paths) > 1]
        if several:
            name, paths = several[0]
            both = " and ".join(str(path.relative_to(self.folder)) for path in paths[:2])
            raise DataError(f"{self.folder}: {both} belong to {name!r}; choose with option pattern=")
        images = [paths[0] for paths in matches]
        if len(set(images)) != len(images):
            raise DataError(f"{self.folder}: two rows name one image; give every row its own")
        return images

    def _match(self, ids: pd.Series) -> list[list[Path]]:
        """Return the images of every id; ids are compared with names and never become paths."""
        matches: list[list[Path]] = [[] for _ in ids]
        owners = match_ids([image_stem(path) for path in self.images], ids.tolist())
        for path, owner in zip(self.images, owners, strict=True):
            if owner >= 0:
                matches[owner].append(path)
        return matches

    def _by_name(self, rows: pd.DataFrame) -> list[list[Path]]:
        """Return the images that a column names; names are looked up and never become paths."""
        if self.files not in rows:
            raise DataError(f"the table of conditions has no column {self.files!r} that names the files")
        by_spelling: dict[str, list[Path]] = {}
        for path in self.images:
            for spelling in {path.name, path.relative_to(self.folder).as_posix()}:
                by_spelling.setdefault(spelling, []).append(path)
        return [by_spelling.get(str(value).strip(), []) for value in rows[self.files]]

    def _check(self, path: Path, image: Volume) -> Volume:
        if image.shape != self.grid.shape or not np.allclose(image.affine, self.grid.matrix, atol=SAME_MM):
            raise DataError(
                f"{path}: lies on another grid ({_words(image)}) than {self.images[0].name} "
                f"({self.grid.shape} voxels); resample all images on one grid"
            )
        if not self.assume_orientation and any(NO_ORIENTATION in remark for remark in image.remarks):
            raise DataError(
                f"{path}: its header states no orientation, so left and right are a guess; repair the "
                "header, or give option assume_orientation=true"
            )
        if not np.isfinite(image.data).all():
            raise DataError(f"{path}: holds values that are not finite; remove the image and its row")
        return image


def _words(image: Volume) -> str:
    sizes = " x ".join(f"{size:.3g}" for size in image.voxel_size_mm)
    return f"{image.shape} voxels of {sizes} mm"
