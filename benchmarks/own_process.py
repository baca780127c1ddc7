"""Work in a process of its own: its processor seconds and its peak memory belong to nothing else."""

import multiprocessing
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

Numbers = tuple[float, ...]


def in_own_process(
    work: Callable[..., Numbers], *arguments: object, most_cpu_s: int | None = None, forked: bool = False
) -> Numbers | None:
    """Run a piece of work in a process of its own and return its numbers, or None when it took too long.

    Parameters
    ----------
    work : callable
        A function of a module.
    most_cpu_s : int, optional
        Processor seconds after which the system ends the process.
    forked : bool
        Start with what this process holds in memory, which then counts, instead of afresh. The peak of this
        process does not count.
    """
    context: Any = multiprocessing.get_context("fork" if forked else "spawn")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, work, arguments, most_cpu_s))
    process.start()
    theirs.close()
    try:
        found: Numbers | None = mine.recv()
    except EOFError:
        found = None
    process.join()
    if found is None and process.exitcode != -24:  # SIGXCPU
        raise RuntimeError(f"{work.__name__}{arguments} ended with exit code {process.exitcode}")
    return found


def _send(
    pipe: Connection, work: Callable[..., Numbers], arguments: tuple[object, ...], most: int | None
) -> None:
    if most is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 10))
    pipe.send(work(*arguments))


def peak_memory_mb() -> float:
    """Return the largest memory of this process so far, MB; `getrusage` would hand down that of its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return float(status.partition("VmHWM:")[2].split()[0]) / 1024
