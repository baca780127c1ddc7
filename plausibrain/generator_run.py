"""A run whose generated cohort a model samples: reference on its grid, subjects to request, images."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.cohorts.bids import label_path
from plausibrain.cohorts.cohort import Cohort
from plausibrain.config import Generator, RunConfig
from plausibrain.generation.conditions import brain_column, conditions_resampled, reference_conditions
from plausibrain.generation.model import ImageGrid, Model
from plausibrain.generation.sample_cohort import sample_cohort
from plausibrain.imaging import DEFAULT_SEGMENTER, Progress, measured
from plausibrain.model_grid import prepare
from plausibrain.models import load_model, read_conditions

#: Voxels from here on are segmented at 2 mm: an answer at 1 mm would be interpolation.
COARSE_MM, COARSE_SEGMENTER = 1.5, "synthseg_style_2mm"


def sample_and_measure(
    config: RunConfig,
    generator: Generator,
    *,
    n_processes: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Cohort]:
    """Draw a cohort with a model, and measure it and those it is compared with in the same way.

    Parameters
    ----------
    config : RunConfig
    generator : Generator
    n_processes : int
        Processes that segment.
    device : str
        Where networks run: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
    progress : callable, optional

    Returns
    -------
    dict of str to Cohort
        ``reference``, ``generated`` and, where the run has them, ``training``, measured. Images that were not
        drawn are first brought onto the model's grid, like those that it was trained on; a table of volumes
        stays as it is.

    Raises
    ------
    DataError
        When the model, the conditions or a cohort cannot be used.
    """
    model = load_model(generator.model, generator.checkpoint, generator.options, device=device)
    segmenter = config.reference.segmenter or segmenter_for(model.grid)
    table = requested_table(model, generator)  # all that can be wrong is read before anything is segmented
    roles = ("reference", "training", "independent")
    chosen = {role: getattr(config, role) for role in roles}
    sources = {role: one.read(role) for role, one in chosen.items() if one is not None}
    source = sources["reference"]

    options = config.reference.segmenter_options or None
    measure = partial(
        measured, options=options, cache=config.cache, n_processes=n_processes, device=device,
        progress=progress,
    )  # fmt: skip

    def to_grid(cohort: Cohort, role: str) -> Cohort:
        return on_grid(
            cohort, model.grid, config.out, role, segmenter=segmenter, measure=measure, progress=progress
        )

    reference = to_grid(source, "reference")
    subjects = source if source.volumes is not None or source.images is None else reference
    if table is None:
        table = _subjects_of(subjects, model, generator)
    images = _sample(model, generator, table, config.out / "generated", progress)
    place = config.out / "segmented" / "generated"
    cohorts = {
        "reference": reference,
        "generated": measure(images, place, segmenter=segmenter),
    }
    return cohorts | {role: to_grid(one, role) for role, one in sources.items() if role != "reference"}


def segmenter_for(grid: ImageGrid) -> str:
    """Return the segmenter of ours that answers at about the resolution of a grid."""
    voxel_mm = float(np.linalg.norm(grid.matrix[:3, :3], axis=0).max())
    return COARSE_SEGMENTER if voxel_mm >= COARSE_MM else DEFAULT_SEGMENTER


def on_grid(
    cohort: Cohort,
    grid: ImageGrid,
    out: Path,
    role: str,
    *,
    segmenter: str,
    measure: Callable[..., Cohort],
    progress: Progress | None = None,
) -> Cohort:
    """Return a cohort measured on images brought onto a grid; one without images is returned as it is.

    `measure` is `plausibrain.imaging.measured` with all but cohort, folder and segmenter filled in. Where no
    label maps lie beside the images, they are segmented once before, to know where the head lies.
    """
    if cohort.images is None:
        return cohort
    labels = None
    if not all(image is not None and label_path(image).is_file() for image in cohort.included.images or ()):
        as_given = out / "segmented" / f"{role}-as-given"
        cohort = measure(replace(cohort, volumes=None), as_given)
        labels = as_given / "segmentation.tsv"
    on_its_grid = prepare(cohort, out / role, grid, labels=labels, progress=progress)
    return measure(on_its_grid, out / "segmented" / role, segmenter=segmenter)


def requested_table(model: Model, generator: Generator) -> pd.DataFrame | None:
    """Return the table of conditions that a run names, or None where subjects of the reference are requested.

    Raises
    ------
    DataError
        When the table is missing or broken.
    """
    if generator.conditions is None:
        return None
    return read_conditions(generator.conditions, model.conditions, texts=getattr(model, "columns", ()))


def _subjects_of(cohort: Cohort, model: Model, generator: Generator) -> pd.DataFrame:
    subjects = reference_conditions(cohort, brain=brain_column(model.conditions))
    return conditions_resampled(subjects, n=generator.n or len(subjects), seed=generator.seed)


def _sample(
    model: Model, generator: Generator, rows: pd.DataFrame, out: Path, progress: Progress | None
) -> Cohort:
    def tell(n_done: int, of: int) -> None:
        if progress is not None:
            progress("sampling images", n_done, of)

    return sample_cohort(model, rows, out, seed=generator.seed, name=generator.model, on_image=tell)
