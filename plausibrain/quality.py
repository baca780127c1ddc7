"""Image quality of both cohorts: measured alike, or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import OK, Cohort, Note
from plausibrain.cohorts.errors import PlausibrainError
from plausibrain.image_files import Files, image_and_label_files, results_folder

if TYPE_CHECKING:
    from plausibrain.evaluation.image_job import ImageRecord

Progress = Callable[[str, int, int], None]
ROLES = ("reference", "generated")
#: Images whose headers decide the working resolution.
N_SIZES = 3


@dataclass(frozen=True, eq=False)
class Quality:
    """Both cohorts with what was measured on their images.

    Attributes
    ----------
    reference, generated : Cohort
        With ``measures`` when both have images and label maps.
    tables : dict of str to DataFrame
        ``measures`` and ``measure_names`` of the run folder; without rows when nothing was measured.
    protocol : dict
        What must agree before two runs may be compared: working resolution and versions of the measures.
    """

    reference: Cohort
    generated: Cohort
    tables: dict[str, pd.DataFrame] = field(
        default_factory=lambda: {"measures": pd.DataFrame(), "measure_names": pd.DataFrame()}
    )
    protocol: dict[str, Any] = field(default_factory=dict)


def measure_quality(
    reference: Cohort,
    generated: Cohort,
    out: Path,
    *,
    cache: Path | None = None,
    n_processes: int = 1,
    voxel_mm: float | None = None,
    records: "Mapping[str, Mapping[int, ImageRecord]] | None" = None,
    progress: Progress | None = None,
) -> Quality:
    """Measure the images of both cohorts at one resolution.

    Parameters
    ----------
    reference, generated : Cohort
    out : Path
        Run folder. Without a cache, results are kept beside the segmentation of a cohort, so that many runs
        share them, or else in ``measured`` of this folder.
    cache : Path, optional
        Folder that runs share; results are kept in ``measured`` below it.
    n_processes : int
    voxel_mm : float, optional
        Working resolution, where it was chosen before.
    records : mapping, optional
        By role and row, what became of images that were visited before; then none is opened.
    progress : callable, optional
        Called as `progress(what, done, of)`.

    Returns
    -------
    Quality
        The cohorts as they are, with a note, when only one of them has images with label maps.
    """
    cohorts = {"reference": reference, "generated": generated}
    files = {role: image_and_label_files(c, out / "segmented" / role) for role, c in cohorts.items()}
    if not all(files.values()):
        return _without_measures(cohorts, files)
    with_images = {role: replace(c, images=files[role][0]) for role, c in cohorts.items()}  # type: ignore[index]
    labels = {role: files[role][1] for role in ROLES}  # type: ignore[index]
    voxel_mm = voxel_mm or working_resolution(with_images["reference"], with_images["generated"])
    return _measure(with_images, labels, out, cache, n_processes, voxel_mm, records or {}, progress)


def _without_measures(cohorts: dict[str, Cohort], files: dict[str, Files | None]) -> Quality:
    """Say which cohort lacks images when the other has them."""
    for role in ROLES:
        other = ROLES[1 - ROLES.index(role)]
        if files[role] is None and (files[other] is not None or cohorts[role].images is not None):
            message = "image quality was not compared: no images with label maps in the " + role + " cohort"
            note = Note("ignored", "image", message=message)
            cohorts = cohorts | {role: replace(cohorts[role], notes=(*cohorts[role].notes, note))}
    return Quality(cohorts["reference"], cohorts["generated"])


def _measure(
    cohorts: dict[str, Cohort],
    labels: dict[str, tuple[Path | None, ...]],
    out: Path,
    cache: Path | None,
    n_processes: int,
    voxel_mm: float,
    records: "Mapping[str, Mapping[int, ImageRecord]]",
    progress: Progress | None,
) -> Quality:
    from plausibrain.evaluation.image_job import Progress as State
    from plausibrain.evaluation.measure_cohort import measure_cohort, measured_cohort
    from plausibrain.evaluation.measuring import all_measures

    after, tables = {}, []
    for role in ROLES:

        def tell(state: State, role: str = role) -> None:
            if progress is not None:
                progress(f"image quality, {role}", state.done, state.total)

        if role in records:
            result = measured_cohort(cohorts[role], records[role])
        else:
            result = measure_cohort(
                cohorts[role], labels[role], voxel_mm=voxel_mm, n_processes=n_processes, progress=tell,
                out=results_folder(cohorts[role], out, role, cache=cache) / "measured",
            )  # fmt: skip
        after[role] = result.cohort
        tables.append(result.table.assign(cohort=role))
    results = {"measures": pd.concat(tables, ignore_index=True), "measure_names": _names()}
    versions = {plugin.name: plugin.version for plugin in all_measures()}
    return Quality(
        after["reference"], after["generated"], results, {"voxel_mm": voxel_mm, "measures": versions}
    )


def working_resolution(reference: Cohort, generated: Cohort) -> float:
    """Return the resolution at which the images of both cohorts are measured, mm, from a few headers."""
    from plausibrain.evaluation.image_normalisation import common_voxel_mm

    return common_voxel_mm(np.concatenate([_voxel_sizes(cohort) for cohort in (reference, generated)]))


def _voxel_sizes(cohort: Cohort) -> np.ndarray:
    """Voxel sizes of the first readable images, mm, (n, 3); of none, one row of 1 mm."""
    from plausibrain.cohorts.volumes import read_voxel_size_mm

    sizes: list[tuple[float, float, float]] = []
    is_ok = (cohort.subjects["status"] == OK).tolist()
    for image, usable in zip(cohort.images or (), is_ok, strict=True):
        if len(sizes) == N_SIZES:
            break
        if image is not None and usable:
            try:
                sizes.append(read_voxel_size_mm(image))
            except PlausibrainError:
                continue
    return np.median(np.array(sizes or [(1.0, 1.0, 1.0)]), axis=0)[None]


def _names() -> pd.DataFrame:
    """Catalogue of the measures, for pages that show them."""
    from plausibrain.evaluation.measuring import all_measures, column_name

    rows = [
        {
            "name": column_name(plugin.name, part), "metric": plugin.name, "structure": part,
            "label": f"{plugin.label}, {suffix}" if suffix else plugin.label, "unit": plugin.unit,
            "better": plugin.better, "judged": plugin.judged, "meaning": plugin.summary,
            "source": ", ".join(plugin.source),
        }
        for plugin in all_measures()
        for part, suffix in plugin.parts.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)
