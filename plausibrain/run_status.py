"""How far the images of a run are: the manifest that it keeps, and what `plausibrain status` says of it."""

import datetime
import json
import math
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.folder_lock import is_locked
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.text_files import read_json

if TYPE_CHECKING:
    from plausibrain.evaluation.image_job import Progress

MANIFEST = "progress.json"
#: A manifest is written at most so often: with 100,000 images it would cost more than what it tells.
EVERY_SECONDS = 2.0
COUNTS = ("done", "failed", "pending")


class Manifest:
    """What a run keeps of its progress, in ``progress.json`` of its folder.

    Parameters
    ----------
    folder : Path
        Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / MANIFEST
        self.content: dict[str, Any] = {
            "schema": 1, "process": os.getpid(), "host": platform.node(), "began": _now(), "ended": "",
            "cohorts": {}, "failures": [],
        }  # fmt: skip
        self._written = -math.inf

    def begin(self, totals: Mapping[str, int]) -> None:
        """State how many images each cohort has."""
        nothing = {"done": 0, "failed": 0, "computed": 0, "seconds": 0.0}
        self.content["cohorts"] = {name: {"images": total, **nothing} for name, total in totals.items()}
        self._write()

    def update(self, cohort: str, state: "Progress", participant_id: str) -> None:
        """Note that another image is finished."""
        self.content["cohorts"][cohort] = {
            "images": state.total, "done": state.done - state.n_failed, "failed": state.n_failed,
            "computed": state.n_fresh, "seconds": round(state.seconds, 1),
        }  # fmt: skip
        if state.reason:
            failure = {"cohort": cohort, "participant_id": participant_id, "reason": state.reason}
            self.content["failures"].append(failure)
        if time.monotonic() - self._written >= EVERY_SECONDS or state.done == state.total:
            self._write()

    def end(self) -> None:
        """Note that all is done."""
        self.content["ended"] = _now()
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        write_text_atomic(self.path, json.dumps(self.content, indent=1, ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class CohortStatus:
    """Images of one cohort of a run.

    Attributes
    ----------
    cohort : str
    done, failed, pending : int
    per_minute, seconds_left : float or None
        Rate of this run, and the time that the pending ones take at it; None before the first.
    """

    cohort: str
    done: int
    failed: int
    pending: int
    per_minute: float | None
    seconds_left: float | None


@dataclass(frozen=True)
class RunStatus:
    """What is known of a run folder.

    Attributes
    ----------
    state : str
        ``running``, ``stopped`` (repeat the command: what is done is found again) or ``complete``.
    cohorts : tuple of CohortStatus
    failures : tuple of mapping
        ``cohort``, ``participant_id`` and ``reason``.
    """

    state: str
    began: str
    process: str
    cohorts: tuple[CohortStatus, ...]
    failures: tuple[Mapping[str, str], ...]


def run_status(folder: Path) -> RunStatus:
    """Return how far a run is.

    Parameters
    ----------
    folder : Path
        That ``plausibrain run`` or ``plausibrain segment`` writes.

    Raises
    ------
    DataError
        When nothing was begun there.
    """
    manifests = [_read_record(path) for path in _manifests(folder)]
    if not manifests:
        raise DataError(f"{folder}: holds no {MANIFEST}; give the folder that `run` or `segment` writes")
    first = manifests[0]
    is_complete = all(manifest["ended"] for manifest in manifests)
    state = "running" if is_locked(folder) else "complete" if is_complete else "stopped"
    cohorts = [
        _cohort(name, numbers) for manifest in manifests for name, numbers in manifest["cohorts"].items()
    ]
    failures = [failure for manifest in manifests for failure in manifest["failures"]]
    process = f"{first['process']} on {first['host']}"
    return RunStatus(state, first["began"], process, tuple(cohorts), tuple(failures))


def status_text(folder: Path, status: RunStatus) -> str:
    """Return the lines that `plausibrain status` prints."""
    texts = {
        "running": f"running (process {status.process}, since {status.began})",
        "stopped": "stopped before it was complete; repeat the command, and what is done is found again",
        "complete": "complete",
    }
    lines = [f"{folder}: {texts[status.state]}"]
    for part in status.cohorts:
        counts = ", ".join(f"{getattr(part, name)} {name}" for name in COUNTS)
        lines.append(f"{part.cohort:<12} {counts}{_rate(part, running=status.state == 'running')}")
    lines += [f"failed: {f['cohort']} {f['participant_id']}: {f['reason']}" for f in status.failures]
    return "\n".join(lines)


def _rate(part: CohortStatus, *, running: bool) -> str:
    if not running or part.per_minute is None or part.seconds_left is None or not part.pending:
        return ""
    left = datetime.timedelta(seconds=round(part.seconds_left))
    return f"; {part.per_minute:.3g} images a minute, about {left} left"


def _manifests(folder: Path) -> Sequence[Path]:
    places = [folder / MANIFEST, *sorted((folder / "segmented").glob(f"*/{MANIFEST}"))]
    return [path for path in places if path.is_file()]


def _read_record(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict) or content.get("schema") != 1:
        raise DataError(f"{path}: was not written by this version; repeat the run")
    return content


def _cohort(name: str, numbers: Mapping[str, Any]) -> CohortStatus:
    pending = int(numbers["images"]) - int(numbers["done"]) - int(numbers["failed"])
    rate = (
        60 * numbers["computed"] / numbers["seconds"] if numbers["computed"] and numbers["seconds"] else None
    )
    left = None if rate is None else 60 * pending / rate
    return CohortStatus(name, int(numbers["done"]), int(numbers["failed"]), pending, rate, left)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
