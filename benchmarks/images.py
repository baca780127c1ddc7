"""Processor seconds of image quality: one simulated head at 1 and at 2 mm.

    python -m benchmarks.images

Each line is timed on images that lie in memory; reading a compressed file at 1 mm takes about a second more.
Memory: `benchmarks.images_memory`.
"""

import time
from collections.abc import Iterator
from functools import cache

from benchmarks.machine import machine_line
from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.evaluation.image_normalisation import condition
from plausibrain.evaluation.measuring import all_measures, measure_scan
from plausibrain.generation.norms import draw_subjects, draw_volumes
from plausibrain.generation.simulator.subject import Grid, simulate_subject


def main() -> None:
    """Print every line."""
    print(machine_line())
    for line in (*quality_lines(1.0), *quality_lines(2.0)):
        print(line)


def quality_lines(voxel_mm: float, repeats: int = 3) -> Iterator[str]:
    """Time preparation and all measures of one head, best of some repeats."""
    image, labels = head(voxel_mm)
    shape = " x ".join(map(str, image.shape))
    whole, slowest = [], {}
    for _ in range(repeats):
        start = time.process_time()
        scan = condition(image, labels, voxel_mm=voxel_mm)
        prepared = time.process_time() - start
        for plugin in all_measures():
            before = time.process_time()
            measure_scan(scan, [plugin])
            slowest[plugin.name] = time.process_time() - before
        whole.append(time.process_time() - start)
    worst = ", ".join(f"{n} {slowest[n]:.2f}" for n in sorted(slowest, key=slowest.__getitem__)[:-4:-1])
    yield (
        f"image quality at {voxel_mm:g} mm ({shape} voxels with air): {min(whole):.1f} s an image, of which "
        f"preparation {prepared:.1f} s; slowest: {worst} s"
    )


@cache
def head(voxel_mm: float) -> tuple[Volume, LabelMap]:
    """Return a simulated head with noisy air around it."""
    subjects = draw_subjects(1, seed=1)
    volumes = draw_volumes(subjects, seed=1).iloc[0]
    drawn = simulate_subject(0, volumes, age=50.0, seed=1, grid=Grid(voxel_mm))
    return drawn.image, drawn.labels


if __name__ == "__main__":
    main()
