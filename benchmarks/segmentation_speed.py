"""One whole head of about 1 mm, from the file to volumes: seconds and memory, in a process of its own."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from benchmarks.own_process import Numbers, in_own_process, peak_memory_mb

GOAL_S, GOAL_GB = 10.0, 3.0


def segment_once(path: Path, n_parts: int) -> Numbers:
    """Return wall seconds, processor seconds, those of the longest chain and peak memory, MB, of the whole path.

    The second of two runs, as for all images but the first of a cohort. The longest chain is the processor
    seconds of what runs alone and, of parts side by side, of the slower thread: the clock of a machine with
    nothing else to do, as far as two threads do not get into each other's way.
    """
    from plausibrain.cohorts import image_parts
    from plausibrain.cohorts.arithmetic import image_threads
    from plausibrain.cohorts.volumes import read_volume
    from plausibrain.evaluation.segmenters.synthseg_style import load_network, synthseg_style

    pools: dict[str, dict[str, float]] = defaultdict(dict)
    on_one_thread = image_parts._on_one_thread

    def timed(part: Callable[[], object]) -> object:
        result = on_one_thread(part)
        pool, _, thread = threading.current_thread().name.rpartition("_")
        pools[pool][thread] = time.thread_time()
        return result

    image_parts._on_one_thread = timed  # type: ignore[assignment]
    image_parts.keep_freed_memory()
    load_network()
    for _ in range(2):
        pools.clear()
        wall, processor, alone = time.perf_counter(), time.process_time(), time.thread_time()
        with image_threads(), image_parts.parts_at_once(n_parts):
            synthseg_style(read_volume(path))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        chain = time.thread_time() - alone + sum(max(threads.values()) for threads in pools.values())
    return wall, processor, chain, peak_memory_mb()


def speed_section(data: Path) -> list[str]:
    """Return the lines of the section."""
    path = data / "t1w" / "heads" / "fullhead_T1w.nii.gz"
    lines = [
        "## Seconds and memory", "",
        "One whole head of 0.88 mm, from the file to volumes and parcels, checked for plausibility; the second image of a process, as all but the first of a cohort are. "
        "Every part of the work takes one thread; where a machine has two cores for each image in hand, independent parts run side by side, and no number depends on that. "
        "The longest chain is what the clock of an idle machine shows at least. "
        f"Goal: at most {GOAL_S:.0f} s on two free cores and {GOAL_GB:.0f} GB.", "",
        "| parts at a time | clock, s | processor seconds | longest chain, s | peak memory of the process, GB |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for n_parts in (1, 2):
        numbers = in_own_process(segment_once, path, n_parts)
        if numbers is None:
            raise RuntimeError(f"{path} took too long")
        wall, processor, chain, peak = numbers
        lines.append(f"| {n_parts} | {wall:.0f} | {processor:.1f} | {chain:.1f} | {peak / 1024:.1f} |")
    return [*lines, ""]
