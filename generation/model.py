"""What every generative model is: a table of conditions and seeds in, images on a grid out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from plausibrain.cohorts.errors import DataError


@dataclass(frozen=True)
class ImageGrid:
    """The grid of all images of a model.

    Attributes
    ----------
    shape : tuple of int
        Voxels along I, J, K.
    affine : tuple of tuple of float
        Rows of the (4, 4) matrix from voxel indices to world mm, RAS+.
    """

    shape: tuple[int, int, int]
    affine: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, shape: Sequence[int], affine: Any) -> "ImageGrid":
        """Return a grid from any sequence and matrix, for instance as read from JSON; checks both.

        Raises
        ------
        DataError
            When the shape is not three positive sizes or the affine no (4, 4) matrix of finite numbers.
        """
        sizes, matrix = tuple(int(n) for n in shape), np.asarray(affine, dtype=np.float64)
        if len(sizes) != 3 or min(sizes) < 1 or matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise DataError(
                f"expected a grid of three sizes and a 4 x 4 affine, got {sizes} and shape {matrix.shape}"
            )
        return cls((sizes[0], sizes[1], sizes[2]), tuple(tuple(row) for row in matrix.tolist()))

    @property
    def matrix(self) -> np.ndarray:
        """The affine as an array, (4, 4)."""
        return np.array(self.affine, dtype=np.float64)

    def as_data(self) -> dict[str, Any]:
        """Return shape and affine as plain lists, for JSON; ``ImageGrid.of(**data)`` reads them back."""
        return {"shape": list(self.shape), "affine": [list(row) for row in self.affine]}


class Model(Protocol):
    """A generative model, ready to sample.

    Attributes
    ----------
    name : str
        Of the plug-in, for example ``"ldm"``.
    conditions : tuple of str
        Columns that `sample` needs in its rows: names of the participants table, in physical units (years,
        ``M``/``F``, mm3). Empty for a model without conditions.
    grid : ImageGrid
        Of every image.
    checkpoint_hash : str
        SHA-256 of what the images depend on: weights and architecture.
    description : mapping
        What ``GeneratedBy`` says beside name and hash: scheduler, number of steps, precision …; JSON values
        only. Everything that changes an image is in it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def conditions(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def grid(self) -> ImageGrid: ...  # noqa: D102

    @property
    def checkpoint_hash(self) -> str: ...  # noqa: D102

    @property
    def description(self) -> Mapping[str, Any]: ...  # noqa: D102

    def sample(self, rows: pd.DataFrame, seeds: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield one image per row, in order.

        Parameters
        ----------
        rows : DataFrame, (n, …)
            With the columns `conditions`; others are ignored.
        seeds : sequence of int, (n,)
            Seed of each image, 0 to 2**63 - 1.

        Yields
        ------
        ndarray of float32, (I, J, K)
            Image i depends on (checkpoint, row i, seed i) alone: in fp32 on one device it is the same to the
            last bit whatever rows stand beside it. `plausibrain.generation.noise` draws what is needed.

        Raises
        ------
        DataError
            When a condition is missing or cannot be used.
        """
        ...


@runtime_checkable
class ExistingImages(Protocol):
    """A `Model` whose images lie there already: they belong to certain subjects, and no seed here made them.

    Attributes
    ----------
    columns : tuple of str
        Columns of text that it reads in the table of conditions, beside ``participant_id``.
    """

    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102

    def check_subjects(self, subjects: pd.DataFrame) -> None:
        """Refuse subjects that do not fit the images, before anything is written.

        Parameters
        ----------
        subjects : DataFrame, (n, …)
            All rows of the cohort; `Model.sample` sees some of them at a time.

        Raises
        ------
        DataError
            Says who has no image, or which image has nobody.
        """
        ...


def check_rows(rows: pd.DataFrame, seeds: Sequence[int], conditions: Sequence[str]) -> None:
    """Refuse a batch that lacks a condition, or has another number of seeds than rows.

    Raises
    ------
    DataError
        Says which column or row.
    """
    absent = [name for name in conditions if name not in rows.columns]
    if absent:
        raise DataError(
            f"the model needs the conditions {', '.join(conditions)}; {', '.join(absent)} missing from the "
            f"table (it has {', '.join(map(str, rows.columns))}); add the column"
        )
    if len(rows) != len(seeds):
        raise DataError(f"expected one seed per row, got {len(seeds)} seeds for {len(rows)} rows")
