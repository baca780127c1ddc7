"""Working through a volume slab by slab, so that what is computed in between stays in the processor's cache.

A filter over a whole volume at 1 mm reads and writes main memory some forty times; a few planes at a time
it does so once. Slabs are spread over threads, one operation each at a time: splitting every small
operation over threads costs more than it brings.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

#: Planes of 224 x 160 voxels in a slab: with window and intermediate results some megabytes.
PLANES = 12

Result = TypeVar("Result")


def over_slabs(n: int, work: Callable[[int, int], Result]) -> list[Result]:
    """Return `work(start, stop)` of every slab of n planes, in order.

    Parameters
    ----------
    n : int
        Planes of the result.
    work : callable
        Must not change what other slabs read.

    Examples
    --------
    >>> over_slabs(30, lambda start, stop: stop - start)
    [12, 12, 6]
    """
    edges = [(start, min(start + PLANES, n)) for start in range(0, n, PLANES)]
    threads = torch.get_num_threads()
    if threads == 1 or len(edges) < 2:
        return [work(*edge) for edge in edges]
    torch.set_num_threads(1)
    try:
        return list(_pool(threads).map(lambda edge: work(*edge), edges))
    finally:
        torch.set_num_threads(threads)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
