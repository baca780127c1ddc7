"""One whole head of about 1 mm, from the file to volumes: seconds and memory, in a process of its own."""

import time
from pathlib import Path

from benchmarks.own_process import Numbers, in_own_process, peak_memory_mb

GOAL_S, GOAL_GB = 10.0, 3.0


def segment_once(path: Path, threads: int) -> Numbers:
    """Return wall seconds, processor seconds and peak memory, MB, of the whole path."""
    import torch

    from plausibrain.cohorts.volumes import read_volume
    from plausibrain.evaluation.segmenters.synthseg_style import load_network, synthseg_style

    torch.set_num_threads(threads)
    load_network()
    wall, processor = time.perf_counter(), time.process_time()
    synthseg_style(read_volume(path))
    return time.perf_counter() - wall, time.process_time() - processor, peak_memory_mb()


def speed_section(data: Path, threads: int) -> list[str]:
    """Return the lines of the section."""
    path = data / "t1w" / "heads" / "fullhead_T1w.nii.gz"
    numbers = in_own_process(segment_once, path, threads)
    if numbers is None:
        raise RuntimeError(f"{path} took too long")
    wall, processor, peak = numbers
    return [
        "## Seconds and memory", "",
        f"One whole head of 0.88 mm, from the file to volumes, checked for plausibility, the network loaded before: {wall:.0f} s by the clock on {threads} threads, "
        f"{processor:.0f} processor seconds (the clock is that of a machine shared with other work; on two free cores it lies between half of the processor seconds and all of them), "
        f"peak memory of the process {peak / 1024:.1f} GB. Goal: at most {GOAL_S:.0f} s on two free cores and {GOAL_GB:.0f} GB.", "",
    ]  # fmt: skip
