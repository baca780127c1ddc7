"""The demo: a reference and two models, two reports, a comparison and a check, offline, in one or two steps.

The first step analyses tables: true volumes of so many simulated subjects that small differences are
resolved. A sound model then passes, and a defective one (a smaller hippocampus, no ageing) fails.

The second step, where it is wanted, analyses images of few subjects: the simulator makes them, the shipped
network segments them, and the reports rest on what it measured. The defective model then has the very same
images as the sound one, but for the wrong requests: a request for a woman of 80 may return a man of 25.
Whatever looks at images alone says the same of both, and most questions stay inconclusive at this number.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, write_cohort
from plausibrain.cohorts.processes import kept_processes, spread
from plausibrain.config import ImageSettings, RunConfig, Source
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject
from plausibrain.pipeline import measure_run, report_run, run
from plausibrain.progress import progress_bar
from plausibrain.reports.check.check import check_run
from plausibrain.reports.compare.compare import compare_runs
from plausibrain.simulated_images import processes, simulate_and_segment

IMAGE_DEFECTS = (("shuffled_conditions", 1.0),)
TABLE_DEFECTS = (("regional_atrophy", 0.1), ("flat_ageing", 1.0))
#: Subjects per cohort, as rows of a table and as images.
TABLE_SUBJECTS, IMAGE_SUBJECTS = 1500, 40
IMAGE_PAIRS = 200


def run_demo(
    out: Path,
    *,
    n: int | None = None,
    seed: int = 0,
    images: bool = False,
    quiet: bool = False,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Run the step on tables in ``out/tables`` and, where wanted, that on images in ``out/images``.

    Parameters
    ----------
    out : Path
        Folder to write. Images that an earlier run left there are kept, so a killed demo goes on.
    n : int, optional
        Subjects per cohort in each step; by default as many as fit into minutes on two processor cores.
    seed : int
    images : bool
        Whether the step on images follows that on tables of true volumes.
    quiet : bool
    say : callable
        Where results are told.

    Returns
    -------
    list of Path
        The comparison page of every step.
    """
    start, spent = time.monotonic(), _processor_seconds()
    rows = n or TABLE_SUBJECTS
    say(f"step on tables: true volumes of {rows} simulated subjects per cohort")
    pages = [demo_on_tables(out / "tables", n=rows, seed=seed, quiet=quiet, say=say)]
    if images:
        heads = n or IMAGE_SUBJECTS
        say(f"step on images: {heads} simulated heads of the reference and {heads} of a model")
        pages.append(demo_on_images(out / "images", n=heads, seed=seed, quiet=quiet, say=say))
    seconds, own = time.monotonic() - start, _processor_seconds() - spent
    say(f"{seconds:.0f} s, {own:.0f} processor seconds; {os.cpu_count()} cores")
    return pages


def demo_on_tables(out: Path, *, n: int, seed: int, quiet: bool, say: Callable[[str], None]) -> Path:
    """Analyse, compare and check cohorts of true volumes; return the comparison page."""
    cohorts = draw_tables(n, seed, TABLE_DEFECTS)
    return _compare(_run_on_tables(cohorts, out, quiet=quiet, say=say), out, say)


def demo_on_images(out: Path, *, n: int, seed: int, quiet: bool, say: Callable[[str], None]) -> Path:
    """Make, segment, analyse, compare and check cohorts of images; return the comparison page."""
    cohorts = draw_tables(n, seed, IMAGE_DEFECTS)
    return _compare(_run_on_images(cohorts, out, seed=seed, quiet=quiet, say=say), out, say)


def _compare(folders: list[Path], out: Path, say: Callable[[str], None]) -> Path:
    page = compare_runs(folders, out / "comparison")
    say(f"comparison: {page}")
    result = check_run(folders[1], baseline=folders[0], out=out / "check")
    say(f"check of the defective against the sound model: {result.status} (exit code {result.exit_code})")
    return page


def _processor_seconds() -> float:
    """Seconds of all cores spent by this process and by those it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def draw_tables(n: int, seed: int, defects: tuple[tuple[str, float], ...]) -> dict[str, Cohort]:
    """Return n subjects and their true volumes of the reference, a sound and a defective model."""
    sound = table_cohort(n, seed=seed + 1, name="sound model")
    defective = sound
    for defect, severity in defects:
        defective = inject(defect, defective, severity=severity, seed=seed)
    return {
        "reference": table_cohort(n, seed=seed, name="reference"),
        "sound": sound,
        "defective": replace(defective, name="defective model"),
    }


def _run_on_tables(
    cohorts: dict[str, Cohort], out: Path, *, quiet: bool, say: Callable[[str], None]
) -> list[Path]:
    folders = {name: write_cohort(cohort, out / "cohorts" / name) for name, cohort in cohorts.items()}
    configs = [
        _config(out / name, name, folders["reference"], folders[name], volumes=" (true volumes)")
        for name in ("sound", "defective")
    ]
    _write_reports(run, configs, quiet=quiet, say=say)
    return [config.out for config in configs]


def _write_reports(
    write: Callable[[RunConfig], Path],
    configs: list[RunConfig],
    *,
    quiet: bool,
    say: Callable[[str], None],
) -> None:
    """Write the reports side by side, one process a core."""
    with progress_bar("reports", quiet=quiet) as progress:
        if progress is not None:
            progress("analysis and reports, side by side", 0, len(configs))
        for n_done, (config, page) in enumerate(spread(write, configs, processes()), start=1):
            if progress is not None:
                progress("analysis and reports, side by side", n_done, len(configs))
            say(f"report of the {config.name}: {page}")


def _run_on_images(
    cohorts: dict[str, Cohort], out: Path, *, seed: int, quiet: bool, say: Callable[[str], None]
) -> list[Path]:
    n_processes = processes()
    folder = write_cohort(replace(cohorts["defective"], volumes=None), out / "cohorts" / "defective")
    configs = [
        _config_on_images(out, "sound", None),
        _config_on_images(out, "defective", folder / "participants.tsv"),
    ]
    with kept_processes(n_processes):
        for number, place in enumerate(("reference", "sound")):
            with progress_bar(place, quiet=quiet) as progress:
                simulate_and_segment(cohorts[place], out, place, seed=seed + number, progress=progress)
        with progress_bar("images", quiet=quiet) as progress:
            measure_run(configs[0], n_processes=n_processes, progress=progress)
        _write_reports(report_run, configs, quiet=quiet, say=say)
    return [config.out for config in configs]


def _config_on_images(out: Path, name: str, participants: Path | None) -> RunConfig:
    """Both models have the images of the sound one; `participants` says who was asked for instead."""
    segmentations = out / "segmented"
    return _config(
        out / name, name, segmentations / "reference", segmentations / "sound", participants=participants,
        images=ImageSettings(n_pairs=IMAGE_PAIRS),
    )  # fmt: skip


def _config(
    out: Path,
    name: str,
    reference: Path,
    generated: Path,
    *,
    participants: Path | None = None,
    images: ImageSettings | None = None,
    volumes: str = "",
) -> RunConfig:
    """`volumes` is what the pages say about the volumes, after the names of both cohorts."""
    return RunConfig(
        reference=Source(path=reference, name=f"reference{volumes}"),
        generated=Source(path=generated, name=f"{name} model{volumes}", participants=participants),
        out=out,
        name=f"{name} model{volumes}",
        settings=Settings(),
        images=images or ImageSettings(),
    )
