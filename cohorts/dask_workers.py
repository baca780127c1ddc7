"""Processes of a Dask cluster as the workers of `plausibrain.cohorts.processes.spread`.

Jobs go to the cluster a few per process; what they compute is written to files by the processes themselves,
and only numbers and keys come back. All machines must see the files at the same paths.
"""

import traceback
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plausibrain.cohorts.errors import DataError, PlausibrainError, ToolError
from plausibrain.cohorts.processes import Workers, kept_workers

if TYPE_CHECKING:
    from distributed import Client


class DaskWorkers(Workers):
    """Processes of a cluster. One that dies is replaced by the cluster, and its job repeated elsewhere.

    Parameters
    ----------
    client : distributed.Client
    """

    elsewhere = True

    def __init__(self, client: "Client") -> None:
        self.client = client
        super().__init__(1)

    @property
    def n(self) -> int:
        """Processes that the cluster has now, at least one: jobs wait for those that it still starts."""
        return max(1, len(self._nodes()))

    def has_died(self, error: BaseException | None) -> bool:
        """Return whether the process that worked on a job, or held its result, ended before it was fetched.

        Of a lost result distributed 2025 and 2026 say so with a TypeError of their own.
        """
        from distributed.scheduler import KilledWorker

        return isinstance(error, KilledWorker) or (
            isinstance(error, TypeError) and _raised_in(error) == "cfexecutor.py"
        )

    def close(self, *, wait_for_jobs: bool = True) -> None:
        """Forget jobs that have not begun; the cluster stays."""
        if self._executor is not None:
            self._executor.shutdown(wait=wait_for_jobs)
            self._executor = None

    def _nodes(self) -> dict[str, Any]:
        workers = self.client.scheduler_info(n_workers=-1).get("workers")
        if workers is None:
            raise _lost("no answer")
        return dict(workers)

    def _started(self) -> Executor:
        several = [address for address, worker in self._nodes().items() if worker["nthreads"] > 1]
        if several:
            raise DataError(
                f"worker {several[0]} works on {self._nodes()[several[0]]['nthreads']} images at once in one "
                "process; start workers with --nthreads 1, because an image sets the threads of its process"
            )
        executor: Executor = self.client.get_executor(pure=False)
        return executor


def _raised_in(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return Path(frames[-1].filename).name if frames else ""


@contextmanager
def dask_workers(client: "Client") -> Iterator[None]:
    """Let every `spread` in the block give its jobs to a cluster.

    Parameters
    ----------
    client : distributed.Client
        Connected; it stays open.

    Raises
    ------
    ToolError
        When the scheduler is lost.
    """
    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError

    try:
        with kept_workers(DaskWorkers(client)):
            yield
    except (CancelledError, FutureCancelledError, CommClosedError, TimeoutError) as error:
        raise _lost(type(error).__name__) from error
    except PlausibrainError:
        raise
    except Exception as error:
        if client.status == "running":
            raise
        raise _lost(type(error).__name__) from error


def _lost(why: str) -> ToolError:
    return ToolError(
        f"the Dask scheduler was lost ({why}); what was finished is kept: start the cluster again and repeat "
        "the command"
    )
