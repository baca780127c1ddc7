"""Work spread over processes of this machine, results as they come."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from plausibrain.cohorts.errors import ToolError

Job = TypeVar("Job")
Result = TypeVar("Result")

_kept: ContextVar[ProcessPoolExecutor | None] = ContextVar("_kept", default=None)


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
    pool = _pool(n_processes)
    token = _kept.set(pool)
    try:
        yield
    finally:
        _kept.reset(token)
        pool.shutdown(wait=True, cancel_futures=True)


def spread(
    work: Callable[[Job], Result], jobs: Sequence[Job], n_processes: int
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

    Raises
    ------
    ToolError
        When a process dies, most likely for want of memory.
    """
    if n_processes <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield job, work(job)
        return
    kept = _kept.get()
    if kept is not None:
        yield from _results(kept, work, jobs)
        return
    pool = _pool(min(n_processes, len(jobs)))
    try:
        yield from _results(pool, work, jobs)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _pool(n_processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(n_processes, mp_context=multiprocessing.get_context("spawn"))


def _results(
    pool: ProcessPoolExecutor, work: Callable[[Job], Result], jobs: Sequence[Job]
) -> Iterator[tuple[Job, Result]]:
    try:
        futures = {pool.submit(work, job): place for place, job in enumerate(jobs)}
    except BrokenProcessPool as error:
        raise _died() from error
    try:
        for future in as_completed(futures):
            yield jobs[futures[future]], future.result()
    except BrokenProcessPool as error:
        raise _died() from error
    finally:
        for future in futures:
            future.cancel()


def _died() -> ToolError:
    return ToolError(
        "a worker process died, most likely for want of memory; what was finished is kept: "
        "repeat the command with fewer processes"
    )
