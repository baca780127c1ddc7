"""Work spread over processes, results as they come; few jobs are under way, and a fault of one is its own."""

import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import wait as wait_for_handles
from pathlib import Path
from typing import Generic, TypeVar

from plausibrain.cohorts.errors import PlausibrainError, ToolError

Job = TypeVar("Job")
Result = TypeVar("Result")

#: Jobs under way for each process: one that it works on, one that waits for it.
JOBS_AHEAD = 2
DIED = "the process that worked on it died twice, most likely for want of memory"


class Workers:
    """Processes of this machine; those that died are replaced.

    Parameters
    ----------
    n : int
        How many at most.
    """

    #: Whether the processes run on other machines too: then they get every job, however few there are.
    elsewhere = False

    def __init__(self, n: int) -> None:
        self._n = n
        self._executor: Executor | None = None

    @property
    def n(self) -> int:
        """Processes that work at a time, at most."""
        return self._n

    def submit(self, work: Callable[[Job], Result], job: Job) -> "Future[Result]":
        """Start a job, now or when a process is free."""
        if self._executor is None:
            self._executor = self._started()
        try:
            return self._executor.submit(work, job)
        except BrokenProcessPool as error:
            broken: Future[Result] = Future()
            broken.set_exception(error)
            return broken

    def has_died(self, error: BaseException | None) -> bool:
        """Return whether this is what a future raises when the process that worked on it died."""
        return isinstance(error, BrokenProcessPool)

    def replace(self) -> None:
        """Give up the processes there are; the next job starts others."""
        self.close(wait_for_jobs=False)

    def close(self, *, wait_for_jobs: bool = True) -> None:
        """End the processes, and forget jobs that have not begun."""
        if self._executor is not None:
            self._executor.shutdown(wait=wait_for_jobs, cancel_futures=True)
            self._executor = None

    def _started(self) -> Executor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.n, mp_context=context, initializer=_end_with_parent)


def processes_here(*, memory_gb: float) -> int:
    """Return how many processes this machine has cores and memory for, at least one.

    Parameters
    ----------
    memory_gb : float
        What each needs at most.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    return max(1, min(cores, int(gigabytes / memory_gb)))


_shared: ContextVar[Workers | None] = ContextVar("_shared", default=None)


def workers_elsewhere() -> int:
    """Return how many processes of a cluster the jobs of this block go to; 0 where there is no cluster."""
    workers = _shared.get()
    return workers.n if workers is not None and workers.elsewhere else 0


@contextmanager
def kept_workers(workers: Workers) -> Iterator[None]:
    """Let every `spread` in the block use these workers, however many processes it asks for."""
    token = _shared.set(workers)
    try:
        yield
    finally:
        _shared.reset(token)
        workers.close()


@contextmanager
def kept_processes(n_processes: int) -> Iterator[None]:
    """Let every `spread` in the block use the same processes.

    A process takes seconds to start and to read the weights of a network; several stages then pay once.

    Parameters
    ----------
    n_processes : int
        How many, whatever a stage asks for; 0 or 1 changes nothing.
    """
    if n_processes <= 1:
        yield
        return
    with kept_workers(Workers(n_processes)):
        yield


def spread(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    n_processes: int,
    *,
    failure: Callable[[Job, str], Result] | None = None,
) -> Iterator[tuple[Job, Result]]:
    """Yield every job with its result, in the order in which they finish.

    Parameters
    ----------
    work : callable
        A function of a module, so that other processes find it.
    jobs : sequence
        Arguments, one each.
    n_processes : int
        0 or 1 works in this process, in order. More start fresh processes, which share nothing with this one,
        unless `kept_processes` has some ready.
    failure : callable, optional
        Called as `failure(job, reason)`; its result is that of a job that failed, and failed again when it
        was repeated: one that raised what nobody expected (a fault of the program that one image brings out,
        memory that did not suffice), or whose process died. Without it the first such job ends the work.

    Raises
    ------
    ToolError
        When a process died, and died again at the same job alone, and there is no ``failure``.
    PlausibrainError, OSError
        Of the work, at once: a setting, a program or a disk that every job meets.
    """
    attempt: Callable[[Job], Result | Failed] = work if failure is None else partial(twice, work)
    running = _shared.get()
    if (n_processes <= 1 or len(jobs) <= 1) and not (running and running.elsewhere):
        for job in jobs:
            yield job, _settle(attempt(job), job, failure)
        return
    workers = running or Workers(min(n_processes, len(jobs)))
    try:
        yield from _UnderWay(workers, attempt, failure).results(jobs)
    except BaseException:
        if workers is not running:
            workers.close(wait_for_jobs=False)
        raise
    if workers is not running:
        workers.close()


class _UnderWay(Generic[Job, Result]):
    """Jobs that were given to workers and have not come back."""

    def __init__(
        self,
        workers: Workers,
        work: "Callable[[Job], Result | Failed]",
        failure: Callable[[Job, str], Result] | None,
    ) -> None:
        self.workers, self.work, self.failure = workers, work, failure
        self.running: dict[Future[Result | Failed], Job] = {}

    def results(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Result]]:
        waiting = iter(jobs)
        try:
            while True:
                for job in islice(waiting, JOBS_AHEAD * self.workers.n - len(self.running)):
                    self.running[self.workers.submit(self.work, job)] = job
                if not self.running:
                    return
                yield from self._take_finished()
        finally:
            for future in self.running:
                future.cancel()

    def _take_finished(self) -> Iterator[tuple[Job, Result]]:
        """Yield what has finished; when a process died, every job under way, those without a result alone."""
        futures, _ = wait(self.running, return_when=FIRST_COMPLETED)
        if any(self.workers.has_died(future.exception()) for future in futures):
            futures, _ = wait(self.running)
        suspects = []
        for future in sorted(futures, key=list(self.running).index):
            job = self.running.pop(future)
            if self.workers.has_died(future.exception()):
                suspects.append(job)
            else:
                yield job, _settle(future.result(), job, self.failure)
        if suspects:
            self.workers.replace()
        for job in suspects:
            yield job, self._alone(job)

    def _alone(self, job: Job) -> Result:
        """Repeat a job while no other runs: what dies now has nobody else to blame."""
        for _ in range(2):  # it may only have waited while another died
            future = self.workers.submit(self.work, job)
            error = future.exception()
            if not self.workers.has_died(error):
                return _settle(future.result(), job, self.failure)
            self.workers.replace()
        if self.failure is None:
            raise _died() from error
        return self.failure(job, DIED)


@dataclass(frozen=True)
class Failed:
    """What comes back of a job that failed twice; an exception might not survive the way."""

    reason: str


def twice(work: Callable[[Job], Result], job: Job) -> Result | Failed:
    """Repeat a job once that raised what nobody expected; runs where the job runs."""
    for _ in range(2):
        try:
            return work(job)
        except (PlausibrainError, OSError):
            raise
        except Exception as error:
            failure = Failed(reason_of(error))
    return failure


def _settle(result: Result | Failed, job: Job, failure: Callable[[Job, str], Result] | None) -> Result:
    if not isinstance(result, Failed):
        return result
    if failure is None:
        raise ToolError(result.reason)
    return failure(job, result.reason)


def reason_of(error: BaseException) -> str:
    """Return in one line what was raised and where, for a table.

    Examples
    --------
    >>> reason_of(MemoryError())
    'MemoryError'
    """
    message = (str(error).splitlines() or [""])[0]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{': ' + message if message else ''}{place}"


def _end_with_parent() -> None:
    """Let this process end when the one that started it does, however that happens."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait_for_handles([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _died() -> ToolError:
    return ToolError(
        "a worker process died, most likely for want of memory; what was finished is kept: "
        "repeat the command with fewer processes"
    )
