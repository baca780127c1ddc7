"""Work spread over processes of this machine, results as they come."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from cohorts.errors import ToolError

Job = TypeVar("Job")
Result = TypeVar("Result")


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
        0 or 1 works in this process, in order. More start fresh processes, which share nothing with this one.

    Raises
    ------
    ToolError
        When a process dies, most likely for want of memory.
    """
    if n_processes <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield job, work(job)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(n_processes, len(jobs)), mp_context=context) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise ToolError(
                "a worker process died, most likely for want of memory; what was finished is kept: "
                "repeat the command with fewer processes"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
