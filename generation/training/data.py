"""Training images: prepared once, kept on disk as fp16, read when a batch needs them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from plausibrain.cohorts.bids import label_path
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import Store, hash_file
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.preprocessing import prepare_files
from plausibrain.generation.training.task import Batch

#: Part of the key of prepared images; raise it when `plausibrain.generation.preprocessing` gives other
#: values.
PREPARATION_VERSION = 1


@dataclass(frozen=True, eq=False)
class PreparedImages:
    """Prepared images with scaled conditions.

    Attributes
    ----------
    files : tuple of Path
        ``.npy``, float16, (I, J, K), 0 to 1.
    conditions : ndarray of float32, (n, number of conditions)
    """

    files: tuple[Path, ...]
    conditions: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.files)

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Return some images, (B, 1, I, J, K), with their conditions."""
        images = np.stack([np.load(self.files[number]) for number in numbers]).astype(np.float32)
        return Batch(torch.from_numpy(images)[:, None], torch.from_numpy(self.conditions[list(numbers)]))

    def select(self, numbers: Sequence[int]) -> "PreparedImages":
        """Return some of the images."""
        return PreparedImages(tuple(self.files[i] for i in numbers), self.conditions[list(numbers)])


@dataclass(frozen=True, eq=False)
class ArrayExamples:
    """Examples that fit into memory, such as latents.

    Attributes
    ----------
    images : Tensor, (n, C, …)
    conditions : Tensor, (n, number of conditions)
    """

    images: torch.Tensor
    conditions: torch.Tensor

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Return some examples, float32."""
        return Batch(self.images[list(numbers)].float(), self.conditions[list(numbers)])


def prepare_cohort(
    cohort: Cohort,
    grid: ImageGrid,
    folder: Path,
    *,
    labels: Path | None = None,
    skull_strip: bool = True,
    n_threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Path, ...]:
    """Prepare every image of a cohort, or find what an earlier run left.

    Parameters
    ----------
    cohort : Cohort
        With images; excluded rows must have been left out.
    grid : ImageGrid
    folder : Path
        Of the store.
    labels : Path, optional
        ``segmentation.tsv`` of `plausibrain segment`. Else the label map lies beside each image, as
        ``…_dseg.nii.gz`` beside ``…_T1w.nii.gz``.
    skull_strip : bool
    n_threads : int
    progress : callable, optional
        Called with the number done and of all.

    Returns
    -------
    tuple of Path
        One ``.npy`` per row.

    Raises
    ------
    DataError
        When an image or its labels are missing or unusable.
    """
    store, files = Store(folder), list(zip(image_files(cohort), label_files(cohort, labels), strict=True))

    def one(pair: tuple[Path, Path]) -> Path:
        image, label_file = pair
        settings = {"grid": grid.as_data(), "skull_strip": skull_strip, "version": PREPARATION_VERSION}
        key = store.key(hash_file(image), hash_file(label_file), settings)
        return store.get(key, ".npy") or _prepare_one(store, key, pair, grid, skull_strip=skull_strip)

    paths: list[Path] = []
    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        for path in pool.map(one, files):
            paths.append(path)
            if progress is not None:
                progress(len(paths), len(files))
    return tuple(paths)


def _prepare_one(
    store: Store, key: str, pair: tuple[Path, Path], grid: ImageGrid, *, skull_strip: bool
) -> Path:
    data = prepare_files(*pair, grid, skull_strip=skull_strip).data.astype(np.float16)
    return store.put(key, ".npy", lambda path: np.save(path, data))


def image_files(cohort: Cohort) -> list[Path]:
    """Return the image of every row; `DataError` if one has none."""
    paths = [] if cohort.images is None else [path for path in cohort.images if path is not None]
    if len(paths) != len(cohort) or not paths:
        raise DataError(
            f"{cohort.source}: {len(paths)} of {len(cohort)} subjects have an image; all of them need one"
        )
    return paths


def label_files(cohort: Cohort, table: Path | None) -> list[Path]:
    """Return the label map of every row: beside its image, or as a table of `plausibrain segment` says.

    Raises
    ------
    DataError
        When one is missing.
    """
    if table is None:
        paths = [label_path(path) for path in image_files(cohort)]
    else:
        paths = _listed_labels(cohort, table)
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise DataError(
            f"{absent[0]}: no such label map ({len(absent)} of {len(paths)} missing); run `plausibrain "
            "segment` and give its segmentation.tsv with --labels"
        )
    return paths


def _listed_labels(cohort: Cohort, table: Path) -> list[Path]:
    try:
        rows = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False)
        by_id = dict(zip(rows["participant_id"], rows["labels"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{table}: expected a table with participant_id and labels, as `plausibrain segment` writes "
            f"it ({error})"
        ) from error
    return [
        Path(os.path.normpath(table.parent / by_id.get(str(name), "none")))
        for name in cohort.subjects["participant_id"]
    ]


def split(n: int, n_held_out: int, seed: int) -> tuple[list[int], list[int]]:
    """Return the numbers of training and held-out examples, drawn by the seed; at least one of each.

    Raises
    ------
    DataError
        With fewer than two examples.
    """
    if n < 2:
        raise DataError(f"expected at least 2 images to train on, got {n}; add subjects")
    order = np.random.default_rng([seed, n]).permutation(n).tolist()
    n_validation = min(max(1, n_held_out), n - 1)
    return sorted(order[n_validation:]), sorted(order[:n_validation])
