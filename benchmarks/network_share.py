"""Which part of the processor time of an image networks take, which a GPU takes over. Prints for docs/benchmarks.md.

    python -m benchmarks.network_share [--subjects 4]

Processor seconds inside the outermost call of any network, beside those of the whole segmentation.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules import module as hooks

from benchmarks.machine import machine_line
from plausibrain.cohorts.store import Store
from plausibrain.evaluation.segment_files import segment_files
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.cohort import simulate_cohort
from plausibrain.generation.simulator.subject import Grid
from plausibrain.simulated_images import SEGMENTER, VOXEL_MM


class NetworkClock:
    """Processor seconds inside networks, counted at the outermost module alone."""

    def __init__(self) -> None:
        self.depth, self.start, self.seconds = 0, 0.0, 0.0

    def enter(self, *_: Any) -> None:
        """Note when the outermost module is called."""
        if self.depth == 0:
            self.start = time.process_time()
        self.depth += 1

    def leave(self, *_: Any) -> None:
        """Add the time since then when it returns."""
        self.depth -= 1
        if self.depth == 0:
            self.seconds += time.process_time() - self.start


def segment_seconds(subject: int, folder: Path) -> float:
    """Simulate an image of 2 mm and segment it; return the processor seconds of the segmentation."""
    one = table_cohort(subject + 1, seed=0, name="subjects").select([subject])
    cohort = simulate_cohort(one, folder / str(subject), seed=0, grid=Grid(VOXEL_MM), skull_strip=True)
    image = (cohort.images or (None,))[0]
    if image is None:
        raise SystemExit("no image was simulated")
    start = time.process_time()
    segment_files([image], segmenter=SEGMENTER, options={}, store=Store(folder / "store"))
    return time.process_time() - start


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--subjects", type=int, default=4)
    n = parser.parse_args().subjects
    torch.set_num_threads(1)
    clock, total, network = NetworkClock(), 0.0, 0.0
    hooks.register_module_forward_pre_hook(clock.enter)
    hooks.register_module_forward_hook(clock.leave)
    with tempfile.TemporaryDirectory() as folder:
        for subject in range(n + 1):
            clock.seconds = 0.0
            seconds = segment_seconds(subject, Path(folder))
            if subject:  # the first pays for reading the weights
                total, network = total + seconds / n, network + clock.seconds / n
    print(machine_line())
    print(
        f"segmenting an image of 2 mm, processor seconds, mean of {n}: {total:.2f}, {network:.2f} in networks"
    )


if __name__ == "__main__":
    main()
