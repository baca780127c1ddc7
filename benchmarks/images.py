"""Seconds and memory of image quality: one simulated head at 1 and at 2 mm, and a cohort's peak memory.

    python -m benchmarks.images

Each line is timed on images that lie in memory; reading a compressed file at 1 mm takes about a second more.
"""

import datetime
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import pandas as pd

from cohorts.cohort import Cohort
from cohorts.volumes import LabelMap, Volume, write_label_map, write_volume
from evaluation.conditioning import condition
from evaluation.measure_cohort import measure_cohort
from evaluation.measuring import all_measures, measure_scan
from generation.norms import draw_people, draw_volumes
from generation.simulator.person import Grid, simulate_person


def main() -> None:
    """Print every line."""
    print(
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )
    for line in (*quality_lines(1.0), *quality_lines(2.0), *memory_lines()):
        print(line)


def quality_lines(voxel_mm: float, repeats: int = 3) -> Iterator[str]:
    """Time preparation and all measures of one head, best of some repeats."""
    image, labels = head(voxel_mm)
    shape = " x ".join(map(str, image.shape))
    whole, slowest = [], {}
    for _ in range(repeats):
        start = time.perf_counter()
        scan = condition(image, labels, voxel_mm=voxel_mm)
        prepared = time.perf_counter() - start
        for plugin in all_measures():
            before = time.perf_counter()
            measure_scan(scan, [plugin])
            slowest[plugin.name] = time.perf_counter() - before
        whole.append(time.perf_counter() - start)
    worst = ", ".join(f"{n} {slowest[n]:.2f}" for n in sorted(slowest, key=slowest.__getitem__)[:-4:-1])
    yield (
        f"image quality at {voxel_mm:g} mm ({shape} voxels with air): {min(whole):.1f} s an image, of which "
        f"preparation {prepared:.1f} s; slowest: {worst} s"
    )


def memory_lines(sizes: tuple[int, int] = (5, 50), voxel_mm: float = 2.0) -> Iterator[str]:
    """Measure cohorts of one head written several times, each in a process of its own, for its peak memory."""
    image, labels = head(voxel_mm)
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            cohort, label_files = _written(Path(folder) / str(n), n, image, labels)
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                job = pool.submit(_timed, cohort, label_files, Path(folder) / f"store-{n}", voxel_mm)
                seconds, peak_mb = job.result()
            yield (
                f"cohort of {n} files at {voxel_mm:g} mm, one process: {seconds:.0f} s, "
                f"peak memory {peak_mb:.0f} MB"
            )


def _timed(cohort: Cohort, labels: list[Path], out: Path, voxel_mm: float) -> tuple[float, float]:
    """Return seconds and peak memory, MB, of measuring a cohort in this process."""
    start = time.perf_counter()
    measure_cohort(cohort, labels, out=out, voxel_mm=voxel_mm)
    return time.perf_counter() - start, _peak_mb()


def _peak_mb() -> float:
    """Return the peak memory of this process, MB; `getrusage` would hand down that of its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return float(status.partition("VmHWM:")[2].split()[0]) / 1024


@cache
def head(voxel_mm: float) -> tuple[Volume, LabelMap]:
    """Return a simulated head with noisy air around it."""
    people = draw_people(1, seed=1)
    volumes = draw_volumes(people, seed=1).iloc[0]
    drawn = simulate_person(0, volumes, age=50.0, seed=1, grid=Grid(voxel_mm))
    return drawn.image, drawn.labels


def _written(folder: Path, n: int, image: Volume, labels: LabelMap) -> tuple[Cohort, list[Path]]:
    """Write n images that differ in scale, so that none is found in the store of another."""
    folder.mkdir()
    label_file = write_label_map(labels, folder / "labels.nii.gz")
    images = tuple(
        write_volume(Volume(image.data * (1 + k / 1000), image.affine), folder / f"{k}_T1w.nii.gz")
        for k in range(n)
    )
    names = [f"p{k}" for k in range(n)]
    people = pd.DataFrame({"participant_id": names, "person": names, "age": 50.0, "sex": "F"})
    return Cohort("heads", people, images=images), [label_file] * n


if __name__ == "__main__":
    main()
