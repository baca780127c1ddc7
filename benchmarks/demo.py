"""What an image of `make demo` costs: processor seconds of every station, one thread. Prints a part of docs/benchmarks.md.

    python -m benchmarks.demo [--subjects 6]

Processor seconds, because they hardly depend on what else the machine does; the demo has as many processes as
cores. The first subject pays for reading model and weights and is left out.
"""

import argparse
import datetime
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from plausibrain.cohorts.store import Store
from plausibrain.demo import IMAGE_SUBJECTS
from plausibrain.evaluation.extract_cohort import extract_cohort
from plausibrain.evaluation.measure_image import measure_files
from plausibrain.evaluation.segment_files import segment_files
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.cohort import simulate_cohort
from plausibrain.generation.simulator.subject import Grid
from plausibrain.simulated_images import SEGMENTER, VOXEL_MM

Result = TypeVar("Result")
STATIONS = ("draw", "segment", "measure", "extract")


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--subjects", type=int, default=6)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = [seconds_of(subject, Path(folder)) for subject in range(given.subjects + 1)][1:]
    means = {name: sum(row[name] for row in rows) / len(rows) for name in STATIONS}
    total = sum(means.values())
    print(
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"processor seconds of an image of {VOXEL_MM:g} mm, mean of {len(rows)}:")
    print(", ".join(f"{name} {seconds:.2f}" for name, seconds in means.items()) + f"; together {total:.2f}")
    images = 2 * IMAGE_SUBJECTS  # of the reference and of a model
    print(
        f"{images} images of the demo: {images * total:.0f} processor seconds, "
        f"{images * total / 2:.0f} s on two free cores"
    )


def seconds_of(subject: int, folder: Path) -> dict[str, float]:
    """Processor seconds of every station for one subject."""
    one = table_cohort(subject + 1, seed=0, name="subjects").select([subject])
    store, seconds = Store(folder / "store"), dict.fromkeys(STATIONS, 0.0)

    def timed(name: str, work: Callable[[], Result]) -> Result:
        start = time.process_time()
        result = work()
        seconds[name] = time.process_time() - start
        return result

    place, grid = folder / str(subject), Grid(VOXEL_MM)
    drawn = timed("draw", lambda: simulate_cohort(one, place, seed=0, grid=grid, skull_strip=True))
    image = (drawn.images or (None,))[0]
    if image is None:
        raise SystemExit("no image was drawn")
    outcome = timed("segment", lambda: segment_files([image], segmenter=SEGMENTER, options={}, store=store))[
        0
    ]
    labels = outcome.labels
    if labels is None:
        raise SystemExit(f"no segmentation: {', '.join(outcome.reasons)}")
    timed("measure", lambda: measure_files(image, labels, voxel_mm=VOXEL_MM, store=store))
    timed("extract", lambda: extract_cohort(drawn, [labels], out=folder / "store", voxel_mm=VOXEL_MM))
    return seconds


if __name__ == "__main__":
    main()
