"""Whether a run may write into a folder that holds a finished run."""

from pathlib import Path
from typing import Any

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.text_files import read_json
from plausibrain.config import RunConfig
from plausibrain.provenance import describe_cohort

RECORD = "run.json"
#: What decides the numbers of a run; its title does not.
DECISIVE = ("generator", "training", "independent", "settings", "images")
IDENTITY = ("subjects_hash", "content_hash")


def require_same_or_overwrite(config: RunConfig, *, overwrite: bool) -> None:
    """Refuse a folder whose finished run has another protocol or other inputs.

    The same command may be repeated: it resumes or repeats the run. Anything else would replace results that
    somebody may have cited, so it has to be asked for.

    Raises
    ------
    DataError
        Naming what differs, and the ways out.
    """
    if config.out.exists() and not config.out.is_dir():
        raise DataError(f"{config.out} is a file; give a folder for the run with --out")
    record = finished_run(config.out)
    if record is None or overwrite:
        return
    differing = differences(record, config)
    if differing:
        raise DataError(
            f"{config.out} holds a finished run that differs in {', '.join(differing)}; add --overwrite to "
            "replace it, or give another folder with --out"
        )


def finished_run(folder: Path) -> dict[str, Any] | None:
    """Return the record of the finished run in a folder; None where there is none."""
    try:
        record = read_json(folder / RECORD)
    except (FileNotFoundError, DataError):
        return None
    return record if isinstance(record, dict) and (folder / "scorecard.json").is_file() else None


def differences(record: dict[str, Any], config: RunConfig) -> list[str]:
    """Name what differs between a finished run and a configuration: inputs, then settings.

    Of an input with volumes the content is compared, of one with images its place, because its content is
    known only when it is measured.
    """
    plan, before = config.model_dump(mode="json"), record.get("config")
    before = before if isinstance(before, dict) else {}
    changes = []
    for role in ("reference", "generated"):
        if _input(before.get(role)) != _input(plan.get(role)) or _has_changed(record, config, role):
            changes.append(role)
    return changes + [name for name in DECISIVE if before.get(name) != plan.get(name)]


def _input(source: object) -> dict[str, Any] | None:
    """Return a source without its name; a record is a file, and may hold anything."""
    return (
        None
        if not isinstance(source, dict)
        else {key: value for key, value in source.items() if key != "name"}
    )


def _has_changed(record: dict[str, Any], config: RunConfig, role: str) -> bool:
    source = getattr(config, role)
    if source is None or config.generator is not None:
        return False  # with a generator the record describes the reference on the grid of the model
    cohort: Cohort = source.read(role)
    if cohort.volumes is None:
        return False
    before, now = record.get(role), describe_cohort(cohort)
    if not isinstance(before, dict):
        return True
    return any(before.get(key) != now[key] for key in IDENTITY)
