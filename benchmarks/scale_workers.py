"""Images per second with one worker process and with two, and what each image takes of the processor."""

import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path

from plausibrain.cohorts.processes import Workers, kept_workers
from plausibrain.evaluation.image_job import Segmenting, Steps, visit_images

#: Images that every worker has done before the clock starts: by then it has read all modules.
N_WARM = 4
#: Threads share an image where cores are free; with as many images in hand as this none are, so that one
#: worker and two do the same.
IN_HAND = os.cpu_count() or 1


@dataclass(frozen=True)
class Rate:
    """What the work on a number of images took with a number of workers."""

    n_workers: int
    n_images: int
    seconds: float
    worker_cpu: float
    own_cpu: float

    @property
    def per_second(self) -> float:
        """Images by the clock."""
        return self.n_images / self.seconds

    @property
    def line(self) -> str:
        """The rate in words."""
        of_workers, of_parent = (1000 * cpu / self.n_images for cpu in (self.worker_cpu, self.own_cpu))
        return (
            f"{self.n_workers} worker{'s' if self.n_workers > 1 else ''}: {self.per_second:.1f} images a second "
            f"by the clock ({self.seconds:.1f} s), {of_workers:.1f} ms of processor an image in workers, "
            f"{of_parent:.1f} ms in the process that hands them out"
        )


def rate_of(paths: list[Path], folder: Path, n_workers: int) -> Rate:
    """Visit all images with workers that are warm."""
    with kept_workers(Workers(n_workers)):
        _visit(paths[: N_WARM * n_workers], folder / f"warm-{n_workers}")
        began, workers, own = time.perf_counter(), _workers_cpu(), time.process_time()
        _visit(paths, folder / f"timed-{n_workers}")
        seconds, own = time.perf_counter() - began, time.process_time() - own
        return Rate(n_workers, len(paths), seconds, _workers_cpu() - workers, own)


def worker_lines(paths: list[Path], folder: Path) -> list[str]:
    """Return the rates of one worker and of two, and how far twice the workers do twice the work."""
    one, two = (rate_of(paths, folder, n_workers) for n_workers in (1, 2))
    busy = two.worker_cpu + two.own_cpu
    return [
        one.line,
        two.line,
        f"two workers do {two.per_second / one.per_second:.2f} times as much as one by the clock; of the two cores' "
        f"time they and their parent had {busy / (2 * two.seconds):.0%}, and an image took "
        f"{two.worker_cpu / one.worker_cpu:.2f} times as much of the processor",
        f"load of the machine at the end: {os.getloadavg()[0]:.1f}; by the clock only an idle machine counts",
    ]


def _visit(paths: list[Path], store: Path) -> None:
    steps = Steps(Segmenting("precomputed", {"labels": str(paths[0].parent / "labels")}, store))
    for _, record in visit_images(paths, [None] * len(paths), steps, n_processes=max(2, IN_HAND)):
        if record.reason:
            raise SystemExit(f"an image failed: {record.reason}")


def _workers_cpu() -> float:
    """Return the processor seconds of all living processes that this one started (Linux)."""
    return sum(
        _cpu_seconds(child.pid) for child in multiprocessing.active_children() if child.pid is not None
    )


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
