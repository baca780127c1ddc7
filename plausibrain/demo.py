"""The demo: a reference and two generated cohorts, two reports, a comparison and a check, offline.

With images, the simulator draws them, the shipped network segments them, and the reports rest on what it
measured. The defective model then makes the very same images as the sound one, but for the wrong requests:
whoever asked for a woman of 80 may get a man of 25. Whatever looks at images alone says the same of both.
Without images, true volumes stand in for the measured ones, and more subjects fit into a minute.
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
from plausibrain.pipeline import measure_run, report_run, run_cohorts
from plausibrain.progress import progress_bar
from plausibrain.reports.check.check import check_run
from plausibrain.reports.compare.compare import compare_runs
from plausibrain.simulated_images import processes, simulate_and_segment

IMAGE_DEFECTS = (("shuffled_conditions", 1.0),)
TABLE_DEFECTS = (("regional_atrophy", 0.1), ("flat_ageing", 1.0))
#: As many images as two processor cores draw, segment and measure in four minutes.
IMAGE_SUBJECTS, TABLE_SUBJECTS = 40, 400
IMAGE_PAIRS = 200


def run_demo(
    out: Path,
    *,
    n: int | None = None,
    seed: int = 0,
    images: bool = True,
    quiet: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Draw cohorts, measure, analyse, compare and check them.

    Parameters
    ----------
    out : Path
        Folder to write. Images that an earlier run left there are kept, so a killed demo goes on.
    n : int, optional
        Subjects per cohort; by default as many as fit into minutes on two processor cores.
    seed : int
    images : bool
        False stays with tables of true volumes.
    quiet : bool
    say : callable
        Where results are told.

    Returns
    -------
    Path
        The comparison page.
    """
    start, spent = time.monotonic(), _processor_seconds()
    subjects = n or (IMAGE_SUBJECTS if images else TABLE_SUBJECTS)
    cohorts = draw_tables(subjects, seed, IMAGE_DEFECTS if images else TABLE_DEFECTS)
    make_run = _run_on_images if images else _run_on_tables
    folders = make_run(cohorts, out, seed=seed, quiet=quiet, say=say)
    page = compare_runs(folders, out / "comparison")
    say(f"comparison: {page}")
    result = check_run(folders[1], baseline=folders[0], out=out / "check")
    say(f"check of the defective against the sound model: {result.status} (exit code {result.exit_code})")
    seconds, own = time.monotonic() - start, _processor_seconds() - spent
    say(
        f"{seconds:.0f} s, {own:.0f} processor seconds; {os.cpu_count()} cores, {subjects} subjects "
        "per cohort"
    )
    return page


def _processor_seconds() -> float:
    """Seconds of all cores spent by this process and by those it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def draw_tables(n: int, seed: int, defects: tuple[tuple[str, float], ...]) -> dict[str, Cohort]:
    """Return subjects and true volumes of the reference, a sound and a defective model."""
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
    cohorts: dict[str, Cohort], out: Path, *, seed: int, quiet: bool, say: Callable[[str], None]
) -> list[Path]:
    for place, cohort in cohorts.items():
        write_cohort(cohort, out / "cohorts" / place)
    folders = []
    for name in ("sound", "defective"):
        config = _config(out / name, name, out / "cohorts" / "reference", out / "cohorts" / name)
        with progress_bar(name, quiet=quiet) as progress:
            page = run_cohorts(cohorts["reference"], cohorts[name], config, progress=progress)
        say(f"report of the {name} model: {page}")
        folders.append(config.out)
    return folders


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
        with progress_bar("reports", quiet=quiet) as progress:
            if progress is not None:
                progress("analysis and reports, side by side", 0, len(configs))
            for n_done, (config, page) in enumerate(spread(report_run, configs, n_processes), start=1):
                if progress is not None:
                    progress("analysis and reports, side by side", n_done, len(configs))
                say(f"report of the {config.name}: {page}")
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
) -> RunConfig:
    return RunConfig(
        reference=Source(path=reference, name="reference"),
        generated=Source(path=generated, name=f"{name} model", participants=participants),
        out=out,
        name=f"{name} model",
        settings=Settings(),
        images=images or ImageSettings(),
    )
