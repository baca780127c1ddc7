"""The demo: a reference and two generated cohorts, two reports, a comparison and a check, offline."""

from collections.abc import Callable
from pathlib import Path

from analysis.settings import Settings
from cohorts.cohort import write_cohort
from generation.demo_cohorts import table_cohort
from generation.planting import plant
from plausibrain.config import RunConfig, Source
from plausibrain.pipeline import run_cohorts
from plausibrain.progress import progress_bar
from reports.check import check_run
from reports.compare import compare_runs

DEFECTS = (("regional_atrophy", 0.1), ("flat_ageing", 1.0))


def run_demo(
    out: Path, *, n: int, seed: int, quiet: bool = False, say: Callable[[str], None] = print
) -> Path:
    """Draw cohorts from published norms, analyse, compare and check them.

    Parameters
    ----------
    out : Path
        Folder to write.
    n : int
        People per cohort.
    seed : int
    quiet : bool
    say : callable
        Where results are told.

    Returns
    -------
    Path
        The comparison page.
    """
    reference = table_cohort(n, seed=seed, name="reference")
    sound = table_cohort(n, seed=seed + 1, name="sound model")
    defective = sound
    for control, severity in DEFECTS:
        defective = plant(control, defective, severity=severity, seed=seed)
    for cohort, place in ((reference, "reference"), (sound, "sound"), (defective, "defective")):
        write_cohort(cohort, out / "cohorts" / place)
    folders = []
    for cohort, name in ((sound, "sound"), (defective, "defective")):
        folder = out / name
        with progress_bar(name, quiet=quiet) as progress:
            page = run_cohorts(reference, cohort, _config(folder, name), progress=progress)
        say(f"report of the {name} model: {page}")
        folders.append(folder)
    page = compare_runs(folders, out / "comparison")
    say(f"comparison: {page}")
    result = check_run(folders[1], baseline=folders[0], out=out / "check")
    say(f"check of the defective against the sound model: {result.status} (exit code {result.exit_code})")
    return page


def _config(folder: Path, name: str) -> RunConfig:
    source = Source(path=Path("generation.norms"))
    return RunConfig(
        reference=source, generated=source, out=folder, name=f"{name} model", settings=Settings()
    )
