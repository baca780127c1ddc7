"""Image cohorts: making them with the simulator, and measuring them with a segmenter."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plausibrain.cohorts.cohort import Cohort, write_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.folder_lock import locked_folder
from plausibrain.cohorts.store import write_atomic
from plausibrain.run_status import Manifest
from plausibrain.shares import Share

if TYPE_CHECKING:
    from plausibrain.evaluation.segment_cohort import SegmentedCohort

Progress = Callable[[str, int, int], None]
DEFAULT_SEGMENTER = "synthseg_style"


def measured(
    cohort: Cohort,
    out: Path,
    *,
    segmenter: str | None = None,
    n_processes: int = 1,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Cohort:
    """Return a cohort with volumes: as it is when it has them, segmented when it has images only.

    Parameters
    ----------
    cohort : Cohort
    out : Path
        Folder for the store of segmentations and the table of the run.
    segmenter : str, optional
        Name of a segmenter; ours when not given.
    n_processes : int
    device : str
        Where the network runs: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
    options : mapping, optional
        Further arguments of the segmenter.
    cache : Path, optional
        Folder that runs share; label maps are then kept in ``segmented`` below it.
    progress : callable, optional
        Called as `progress(what, done, of)`.
    """
    if cohort.volumes is not None or cohort.images is None:
        return cohort
    return segment(
        cohort, out, segmenter=segmenter or DEFAULT_SEGMENTER, n_processes=n_processes, device=device,
        options=options, store=None if cache is None else cache.resolve() / "segmented", progress=progress,
    )  # fmt: skip


def segment(
    cohort: Cohort,
    out: Path,
    *,
    segmenter: str,
    n_processes: int,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
    store: Path | None = None,
    progress: Progress | None = None,
) -> Cohort:
    """Segment every image and write the measured cohort, its label maps and a table of what happened.

    Label maps and numbers of finished images are kept in `store`, by default ``store`` of the folder.

    Returns
    -------
    Cohort
        With volumes and quality scores; `out` is a cohort folder that `plausibrain run` reads.
    """
    from plausibrain.evaluation.image_job import Progress as State
    from plausibrain.evaluation.segment_cohort import segment_cohort

    manifest, names = Manifest(out), cohort.subjects["participant_id"].astype(str).tolist()

    def tell(state: State) -> None:
        manifest.update(cohort.name, state, names[state.row])
        if progress is not None:
            progress(f"segmentation{words(state)}", state.done, state.total)

    with locked_folder(out) as folder:
        manifest.begin({cohort.name: sum(path is not None for path in cohort.images or ())})
        result = segment_cohort(
            cohort, out=store or out / "store", segmenter=segmenter, n_processes=n_processes, options=options,
            device=device, progress=tell,
        )  # fmt: skip
        folder.require()
        write_segmented(result, out)
        manifest.end()
    return result.cohort


def segment_share(
    cohort: Cohort,
    out: Path,
    share: Share,
    *,
    segmenter: str,
    n_processes: int,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> int:
    """Put the label maps and numbers of one share of the images into the store; `segment` then finds them.

    Returns
    -------
    int
        Images of this share.
    """
    from plausibrain.evaluation.image_job import Progress as State
    from plausibrain.evaluation.segment_cohort import segment_cohort

    def tell(state: State) -> None:
        if progress is not None:
            progress(f"segmentation{words(state)}", state.done, state.total)

    images = share.masked(cohort.images or ())
    segment_cohort(
        replace(cohort, images=images if cohort.images is not None else None), out=out / "store",
        segmenter=segmenter, n_processes=n_processes, options=options, device=device, progress=tell,
    )  # fmt: skip
    return sum(path is not None for path in images)


def write_segmented(result: "SegmentedCohort", out: Path) -> None:
    """Write a measured cohort into a folder, with its label maps by path and a table of what happened."""
    cohort = result.cohort
    write_cohort(cohort, out)
    record = result.table.assign(
        image=[path_in_table(path, out) for path in cohort.images or ()],
        labels=[path_in_table(Path(text) if text else None, out) for text in result.table["labels"]],
    )
    for name, table in (("segmentation", record), ("topology", result.facts)):
        text = table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")
        write_atomic(out / f"{name}.tsv", lambda path, text=text: path.write_text(text, encoding="utf-8"))  # type: ignore[misc]


def path_in_table(path: Path | None, folder: Path) -> str:
    """Return a path as a table in a folder names it: relative to that folder, so that both may be moved.

    Examples
    --------
    >>> path_in_table(Path("runs/a/store/b.nii.gz"), Path("runs/a"))
    'store/b.nii.gz'
    """
    return "" if path is None else os.path.relpath(path.resolve(), folder.resolve())


def words(state: Any) -> str:
    """Return what a line of progress says after the name of the work: rate, time left, failures."""
    failures = f", {state.n_failed} failed" if state.n_failed else ""
    if state.per_minute != state.per_minute:  # NaN before the first fresh image
        return failures
    return f", {state.per_minute:.1f} a minute, {state.seconds_left:.0f} s left{failures}"


def refuse_options(options: Mapping[str, object]) -> None:
    """Raise `DataError` for an option that trained models have and the simulator does not."""
    for name, value in options.items():
        if value:
            raise DataError(f"the simulator takes no {name}; leave it out, or name another --model")


def refuse_simulator_options(names: Sequence[str]) -> None:
    """Raise `DataError` for options that the simulator has and trained models do not."""
    if names:
        raise DataError(
            f"a trained model takes no --{names[0].replace('_', '-')}: it samples one image on its own grid "
            "for each row of --conditions; leave it out"
        )


def simulate(
    out: Path,
    *,
    n: int,
    seed: int,
    age: tuple[float, float],
    voxel_mm: float,
    skull_strip: bool,
    n_processes: int = 1,
    conditions: Path | None = None,
    sex_coding: str | None = None,
    defect: str | None = None,
    severity: float = 0.0,
    progress: Progress | None = None,
) -> Cohort:
    """Draw a simulated cohort of images with exact labels, optionally with an injected defect.

    Parameters
    ----------
    out : Path
        BIDS folder; images that lie there are kept, so a killed run goes on where it stopped.
    n : int
        Subjects.
    seed : int
    age : tuple of float
        Youngest and oldest, years.
    voxel_mm : float
    skull_strip : bool
    n_processes : int
    conditions : Path, optional
        Table of subjects, or a cohort folder, to draw instead of `n` subjects of an age: age, sex and, where
        given, volumes as `plausibrain.generation.norms.draw_volumes` follows them. All else depends on
        (seed, i) alone.
    sex_coding : str, optional
        Of that table.
    defect : str, optional
        Injected defect of the table (`plausibrain.generation.defects`), with its `severity`.
    progress : callable, optional
    """
    from plausibrain.generation.demo_cohorts import asked_cohort, table_cohort
    from plausibrain.generation.injection import inject
    from plausibrain.generation.norms import REQUESTS
    from plausibrain.generation.simulator.cohort import simulate_cohort
    from plausibrain.generation.simulator.subject import Grid
    from plausibrain.models import read_conditions

    if conditions is None:
        subjects = table_cohort(n, seed=seed, name=out.name, age=age)
    else:
        table = read_conditions(conditions, REQUESTS, sex_coding=sex_coding)
        subjects = asked_cohort(table, seed=seed, name=out.name)
    if defect is not None:
        subjects = inject(defect, subjects, severity=severity, seed=seed)

    def tell(n_done: int, of: int) -> None:
        if progress is not None:
            progress("simulating subjects", n_done, of)

    grid = Grid(voxel_mm=voxel_mm)
    return simulate_cohort(
        subjects,
        out,
        seed=seed,
        grid=grid,
        skull_strip=skull_strip,
        n_processes=n_processes,
        on_subject=tell,
    )
