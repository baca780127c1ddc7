"""All that a run does with images, one visit each: they are segmented, measured and turned into features."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.folder_lock import locked_folder
from plausibrain.config import ImageSettings
from plausibrain.features import extractor_names
from plausibrain.image_files import SCRATCH, Files, image_and_label_files, results_folder
from plausibrain.imaging import DEFAULT_SEGMENTER, Progress, words, write_segmented
from plausibrain.quality import working_resolution
from plausibrain.run_status import Manifest
from plausibrain.shares import Share

if TYPE_CHECKING:
    from plausibrain.evaluation.image_job import ImageRecord, Steps

    Records = Mapping[int, ImageRecord]

#: Both must have images with labels before either is measured.
COMPARED = ("reference", "generated")
#: Features are extracted of these.
EXTRACTED = (*COMPARED, "training")


class ChosenSegmenter(NamedTuple):
    """Name of a segmenter, and its options."""

    name: str = DEFAULT_SEGMENTER
    options: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Visited:
    """Cohorts whose images were visited.

    Attributes
    ----------
    cohorts : dict of str to Cohort
        By role; with volumes and labels where they were segmented.
    records : dict of str to mapping
        By role and row: what became of each image. None of a role whose images were only segmented, or not
        visited.
    voxel_mm : float
        Working resolution.
    """

    cohorts: dict[str, Cohort]
    records: "dict[str, Records]" = field(default_factory=dict)
    voxel_mm: float = 1.0

    @property
    def image_hashes(self) -> dict[Path, str]:
        """SHA-256 of every image that was opened and could be read."""
        hashes = {}
        for role, records in self.records.items():
            images = self.cohorts[role].images or ()
            for row, record in records.items():
                if record.hashes is not None and row < len(images) and (path := images[row]) is not None:
                    hashes[path] = record.hashes[0]
        return hashes


@dataclass(frozen=True)
class Work:
    """How images are worked on.

    Attributes
    ----------
    out : Path
        Run folder.
    cache : Path or None
        Folder that runs share.
    settings : ImageSettings
    n_processes : int
    device : str
        As in `plausibrain.cohorts.arithmetic.choose_device`.
    progress : callable or None
    share : Share or None
        The part of the images to visit: others visit the rest, and tables are written when all is done.
    """

    out: Path
    cache: Path | None = None
    settings: ImageSettings = field(default_factory=ImageSettings)
    n_processes: int = 1
    device: str = "auto"
    progress: Progress | None = None
    share: Share | None = None

    @cached_property
    def manifest(self) -> Manifest:
        """What the run keeps of its progress."""
        return Manifest(self.out)


def visit_cohorts(
    cohorts: Mapping[str, Cohort], work: Work, *, segmenters: Mapping[str, ChosenSegmenter] | None = None
) -> Visited:
    """Visit every image of the cohorts of a run.

    Parameters
    ----------
    cohorts : mapping of str to Cohort
        By role: reference, generated, training, independent. The last is only segmented, where it must be.
    work : Work
    segmenters : mapping of str to ChosenSegmenter, optional
        By role; ours where none is named.

    Returns
    -------
    Visited
    """
    files = {role: _files(cohort, work.out, role) for role, cohort in cohorts.items()}
    both = all(files.get(role) is not None for role in COMPARED)
    voxel_mm = 1.0
    if both:
        with_images = [replace(cohorts[role], images=_files_of(files, role)[0]) for role in COMPARED]
        voxel_mm = working_resolution(*with_images)
    cohorts_after, records = dict(cohorts), {}
    visits = {
        role: _Visit(
            role, cohort, _files_of(files, role), work, (segmenters or {}).get(role, ChosenSegmenter()),
            both and role in EXTRACTED, voxel_mm,
        )
        for role, cohort in cohorts.items()
        if files[role] is not None and ((both and role in EXTRACTED) or _lacks_volumes(cohort))
    }  # fmt: skip
    if work.share is None:
        work.manifest.begin({role: visit.n_images for role, visit in visits.items()})
    for role, visit in visits.items():
        cohorts_after[role], records[role] = visit.run()
    compared_records = {role: record for role, record in records.items() if both and role in EXTRACTED}
    return Visited(cohorts_after, compared_records, voxel_mm)


def _files_of(files: Mapping[str, Files | None], role: str) -> Files:
    pair = files[role]
    return pair if pair is not None else ((), ())


def _lacks_volumes(cohort: Cohort) -> bool:
    return cohort.volumes is None and cohort.images is not None


def _files(cohort: Cohort, out: Path, role: str) -> Files | None:
    """Return images and labels; no labels where the cohort will be segmented."""
    if _lacks_volumes(cohort) and cohort.images is not None:
        return cohort.images, (None,) * len(cohort)
    return image_and_label_files(cohort, out / "segmented" / role)


@dataclass(frozen=True)
class _Visit:
    """The images of one cohort, and what is done with them."""

    role: str
    cohort: Cohort
    files: Files
    work: Work
    segmenter: ChosenSegmenter
    compared: bool
    voxel_mm: float

    @property
    def n_images(self) -> int:
        return sum(path is not None for path in self.files[0])

    @property
    def place(self) -> Path:
        """Folder of the segmented cohort."""
        return self.work.out / "segmented" / self.role

    def run(self) -> "tuple[Cohort, Records]":
        from plausibrain.evaluation.image_job import Progress as State
        from plausibrain.evaluation.image_job import visit_images
        from plausibrain.evaluation.measure_cohort import measurable
        from plausibrain.evaluation.segment_cohort import segmented_cohort

        names = self.cohort.subjects["participant_id"].astype(str).tolist()
        to_segment = _lacks_volumes(self.cohort)
        steps = self._steps()
        images, labels = self.files
        if not to_segment:
            images, labels = measurable(replace(self.cohort, images=images), labels)

        share = self.work.share
        if share is not None:
            images = share.masked(images)

        def tell(state: State) -> None:
            if share is None:
                self.work.manifest.update(self.role, state, names[state.row])
            if self.work.progress is not None:
                self.work.progress(f"images, {self.role}{words(state)}", state.done, state.total)

        with ExitStack() as stack:
            alone = to_segment and share is None
            folder = stack.enter_context(locked_folder(self.place)) if alone else None
            results = visit_images(images, labels, steps, n_processes=self.work.n_processes, progress=tell)
            records = dict(results)
            if steps.segmenting is None or folder is None:
                return self.cohort, records
            folder.require()
            result = segmented_cohort(self.cohort, records, steps.segmenting.segmenter)
            write_segmented(result, self.place)
            return result.cohort, records

    def _steps(self) -> "Steps":
        from plausibrain.evaluation.extract_cohort import extracting
        from plausibrain.evaluation.extract_image import named_extractors
        from plausibrain.evaluation.image_job import Measuring, Steps
        from plausibrain.evaluation.scratch import MOST_IMAGES, Scratch
        from plausibrain.evaluation.segment_cohort import segmenting

        work, to_segment = self.work, _lacks_volumes(self.cohort)
        results = results_folder(self.cohort, work.out, self.role, cache=work.cache)
        if to_segment and work.cache is None:
            results = self.place
        steps = Steps()
        if to_segment:
            store = self.place / "store" if work.cache is None else work.cache.resolve() / "segmented"
            name, options = self.segmenter
            step = segmenting(name, options, device=work.device, folder=store)
            steps = replace(steps, segmenting=step)
        if not self.compared:
            return steps
        if self.role in COMPARED:
            steps = replace(steps, measuring=Measuring(self.voxel_mm, results / "measured"))
        plugins = named_extractors(extractor_names(work.settings), work.settings.extractors, self.voxel_mm)
        vectors = extracting(plugins, voxel_mm=self.voxel_mm, folder=results / "extracted")
        scratch = Scratch(work.out / SCRATCH, self.voxel_mm) if self.n_images <= MOST_IMAGES else None
        return replace(steps, extracting=vectors, scratch=scratch)
