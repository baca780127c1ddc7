"""Feature vectors and pairs of the images of both cohorts, and of the subjects a model was trained on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from plausibrain.cohorts.cohort import Cohort, Note
from plausibrain.cohorts.store import Store
from plausibrain.config import ImageSettings
from plausibrain.image_files import SCRATCH, Files, image_and_label_files, results_folder

if TYPE_CHECKING:
    from plausibrain.evaluation.image_job import ImageRecord

Progress = Callable[[str, int, int], None]
ROLES = ("reference", "generated")


@dataclass(frozen=True, eq=False)
class Features:
    """The cohorts with features and pairs.

    Attributes
    ----------
    reference, generated : Cohort
        With ``features`` and ``pairs`` when both have images and label maps.
    training : Cohort or None
        With ``features``.
    protocol : dict
        What must agree before two runs may be compared: extractors with their hashes, and how pairs were
        drawn.
    """

    reference: Cohort
    generated: Cohort
    training: Cohort | None = None
    protocol: dict[str, Any] = field(default_factory=dict)


def extract_features(
    reference: Cohort,
    generated: Cohort,
    out: Path,
    *,
    cache: Path | None = None,
    training: Cohort | None = None,
    settings: ImageSettings | None = None,
    voxel_mm: float = 1.0,
    seed: int = 0,
    n_processes: int = 1,
    records: "Mapping[str, Mapping[int, ImageRecord]] | None" = None,
    progress: Progress | None = None,
) -> Features:
    """Extract features of all images and compare pairs within the two cohorts.

    Parameters
    ----------
    reference, generated : Cohort
    out : Path
        Run folder. Without a cache, results are kept beside the segmentation of a cohort, or else in
        ``extracted`` of this folder.
    cache : Path, optional
        Folder that runs share; results are kept in ``extracted`` below it.
    training : Cohort, optional
        Subjects that the model was trained on.
    settings : ImageSettings, optional
    voxel_mm : float
        Of the standard brain, the same for all.
    seed : int
        Of the pairs.
    n_processes : int
    records : mapping, optional
        By role and row, what became of images that were visited before; then none is opened for its features.
    progress : callable, optional
        Called as `progress(what, done, of)`.

    Returns
    -------
    Features
        The cohorts as they are when one of the two has no images with label maps.
    """
    settings = settings or ImageSettings()
    check_extractors(settings, voxel_mm)  # a wrong name is told for cohorts without images as well
    cohorts = {"reference": reference, "generated": generated}
    files = {role: image_and_label_files(c, out / "segmented" / role) for role, c in cohorts.items()}
    if not all(files.values()):
        return Features(reference, generated, training)
    if training is not None:
        cohorts["training"] = training
        files["training"] = image_and_label_files(training, out / "segmented" / "training")
    work = _Work(out, cache, settings, voxel_mm, seed, n_processes, records or {}, progress)
    results = {role: work.features(role, cohorts[role], files[role]) for role in cohorts}
    for role in ROLES:
        results[role] = work.pairs(role, results[role], files[role])
    return Features(
        results["reference"],
        results["generated"],
        results.get("training"),
        work.protocol(results["reference"]),
    )


@dataclass(frozen=True)
class _Work:
    """What every cohort is treated with."""

    out: Path
    cache: Path | None
    settings: ImageSettings
    voxel_mm: float
    seed: int
    n_processes: int
    records: "Mapping[str, Mapping[int, ImageRecord]]"
    progress: Progress | None

    def features(self, role: str, cohort: Cohort, files: Files | None) -> Cohort:
        """Return the cohort with features; failures become notes."""
        from plausibrain.evaluation.extract_cohort import extract_cohort, extracted_cohort
        from plausibrain.evaluation.extract_image import named_extractors
        from plausibrain.evaluation.image_job import Progress as State

        if files is None:
            return cohort
        images, labels = files
        names, options, folder = (
            extractor_names(self.settings),
            self.settings.extractors,
            self._folder(role, cohort),
        )
        if role in self.records:
            plugins = named_extractors(names, options, self.voxel_mm)
            with_images = replace(cohort, images=images)
            extraction = extracted_cohort(with_images, self.records[role], plugins, Store(folder))
            return _with_notes(extraction.cohort, extraction.table)

        def tell(state: State) -> None:
            self._tell(f"features, {role}", state.done, state.total)

        result = extract_cohort(
            replace(cohort, images=images), labels, out=folder, names=names, options=options,
            voxel_mm=self.voxel_mm, n_processes=self.n_processes,
            progress=tell,
        )  # fmt: skip
        return _with_notes(result.cohort, result.table)

    def pairs(self, role: str, cohort: Cohort, files: Files | None) -> Cohort:
        """Return the cohort with the similarity of pairs."""
        from plausibrain.evaluation.diversity.pair_table import pair_table
        from plausibrain.evaluation.image_source import sources_of
        from plausibrain.evaluation.scratch import Scratch

        if files is None or self.settings.n_pairs == 0 or cohort.n_subjects < 2:
            return cohort

        def tell(what: str, n_done: int, of: int) -> None:
            self._tell(f"{what}, {role}", n_done, of)

        scratch = Scratch((self.out / SCRATCH).absolute(), self.voxel_mm)
        table = pair_table(
            cohort, sources_of(*files, hashes_of(self.records.get(role), len(cohort)), scratch),
            store=Store(self._folder(role, cohort)), voxel_mm=self.voxel_mm,
            n_pairs=self.settings.n_pairs, seed=self.seed, n_processes=self.n_processes, progress=tell,
        )  # fmt: skip
        return replace(cohort, pairs=table)

    def protocol(self, reference: Cohort) -> dict[str, Any]:
        """Return what decides the numbers."""
        from plausibrain.evaluation.diversity.pair_table import all_similarities

        similarities = {plugin.name: plugin.settings for plugin in all_similarities()}
        return {
            "extractors": sorted(reference.features), "voxel_mm": self.voxel_mm,
            "similarities": similarities, "n_pairs": self.settings.n_pairs,
        }  # fmt: skip

    def _folder(self, role: str, cohort: Cohort) -> Path:
        return results_folder(cohort, self.out, role, cache=self.cache) / "extracted"

    def _tell(self, what: str, n_done: int, of: int) -> None:
        if self.progress is not None:
            self.progress(what, n_done, of)


def hashes_of(records: "Mapping[int, ImageRecord] | None", n: int) -> list[tuple[str, str] | None] | None:
    """Return the hashes of image and label map of n rows, as their visits took them; None without a visit."""
    if records is None:
        return None
    return [records[row].hashes if row in records else None for row in range(n)]


def check_extractors(settings: ImageSettings, voxel_mm: float = 1.0) -> None:
    """Raise a `DataError` for an extractor or an option of one that does not exist."""
    if settings.extractors:
        from plausibrain.evaluation.extract_image import named_extractors

        named_extractors(extractor_names(settings), settings.extractors, voxel_mm)


def extractor_names(settings: ImageSettings) -> list[str]:
    """Return the extractors of a run: the default ones, and those that its settings name."""
    from plausibrain.evaluation.extraction import default_extractors

    return [*default_extractors(), *(n for n in settings.extractors if n not in default_extractors())]


def _with_notes(cohort: Cohort, failures: pd.DataFrame) -> Cohort:
    """Note every image without features, once for all extractors that failed on it for one reason."""
    notes: Mapping[tuple[str, str], None] = dict.fromkeys(
        zip(failures["participant_id"], failures["reason"], strict=True)
    )
    more = [Note("warning", "image", value=who, message=f"no features: {why}") for who, why in notes]
    return replace(cohort, notes=(*cohort.notes, *more))
