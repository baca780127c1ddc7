"""Parts of the work on one image that run at the same time, each on one thread, and the memory they share.

Every part does what it does alone, on one thread (`plausibrain.cohorts.arithmetic.IMAGE_THREADS`), so that no
number depends on how many of them run at a time. Where images are many, a process for each is better; parts
help where there are more cores than images in hand.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar, overload

from plausibrain.cohorts.arithmetic import image_threads

Result = TypeVar("Result")
First = TypeVar("First")
Second = TypeVar("Second")
Third = TypeVar("Third")

#: No image is worked on by more threads: that many parts depend on nothing but what was before them.
MOST_PARTS = 2
# Options of glibc's mallopt.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8

_at_once: ContextVar[int] = ContextVar("_at_once", default=1)


def parts_per_image(n_images: int) -> int:
    """Return how many parts of an image may run at a time where so many images are worked on at once.

    Parameters
    ----------
    n_images : int
        Processes that have an image in hand.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_PARTS, cores // max(1, n_images)))


@contextmanager
def parts_at_once(n: int) -> Iterator[None]:
    """Let `run_parts` run so many parts at a time in a block; elsewhere it is one."""
    token = _at_once.set(n)
    try:
        yield
    finally:
        _at_once.reset(token)


@overload
def run_parts(
    first: Callable[[], First], second: Callable[[], Second], third: Callable[[], Third], /
) -> tuple[First, Second, Third]: ...
@overload
def run_parts(*parts: Callable[[], Result]) -> tuple[Result, ...]: ...
def run_parts(*parts: Callable[[], Any]) -> tuple[Any, ...]:
    """Return the results of parts that do not depend on each other, in their order.

    Parameters
    ----------
    *parts : callable
        Within one, further parts run one after the other.
    """
    n = min(_at_once.get(), len(parts))
    if n <= 1:
        return tuple(part() for part in parts)
    with ThreadPoolExecutor(n) as threads:
        return tuple(threads.map(_on_one_thread, parts))


def _on_one_thread(part: Callable[[], Result]) -> Result:
    with image_threads():
        return part()


@cache
def keep_freed_memory() -> bool:
    """Let this process keep memory that it freed for its next image, and return whether it does.

    Arrays of an image are hundreds of megabytes. glibc gives each back to the system and asks for it again,
    which empties every page anew: a fifth of the processor time of a segmentation. Other C libraries are left
    as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    options = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 2**26, _M_ARENA_MAX: 1}
    return all(mallopt(option, value) == 1 for option, value in options.items())


def return_freed_memory() -> None:
    """Give memory that was freed back to the system, where `keep_freed_memory` kept it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
