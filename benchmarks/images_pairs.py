"""Similarity of pairs, distances between clouds, and memory of feature extraction.

    python -m benchmarks.images_pairs [--threads 2] [--n 2000] [--d 2048]

Prints tables in Markdown. MS-SSIM is timed beside MONAI's on the same two volumes with the same parameters; ours
is given with the preparation of an image (shared by all its pairs) and without. Every distance runs in a process
of its own, so that peak memory is its own, the clouds and the Python packages included. Memory of the extraction
is that of a process that extracts 50, and another that extracts 500 images.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SHAPE = (160, 224, 160)
REPEATS = 3
#: Extractors that need no second per image; the network's memory is that of one image too.
QUICK = ("low_resolution", "random_network")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--d", type=int, default=2048)
    parser.add_argument("--part", choices=("pairs", "distances", "memory"), default=None)
    arguments = parser.parse_args()
    if arguments.part in (None, "pairs"):
        print(pairs_table(arguments.threads), flush=True)
    if arguments.part in (None, "distances"):
        print_distances(arguments.n, arguments.d)
    if arguments.part in (None, "memory"):
        print(memory_table((50, 500)), flush=True)


def timed(work: Callable[[], object]) -> float:
    """Return the median time of three runs after one, s."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


# --- pairs ---


def pairs_table(threads: int) -> str:
    """Return pairs per second at 160 x 224 x 160 voxels."""
    import torch
    from monai.metrics.regression import compute_ms_ssim
    from torch.nn import functional

    from evaluation.diversity.gradients import gradient_field
    from evaluation.diversity.pyramids import WINDOW_SIZE, build_pyramid
    from evaluation.diversity.similarities.four_component_gradient import four_component_gradient
    from evaluation.diversity.similarities.ms_ssim import ms_ssim

    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(0)
    wide = torch.rand(1, 1, *(n + 4 for n in SHAPE), generator=generator)
    x = functional.avg_pool3d(wide, 5, 1)[0, 0]
    y = 0.7 * x + 0.3 * torch.rand(SHAPE, generator=generator)
    pyramids, fields = [build_pyramid(v) for v in (x, y)], [gradient_field(v) for v in (x, y)]
    theirs = timed(lambda: compute_ms_ssim(x[None, None], y[None, None], 3, kernel_size=WINDOW_SIZE))
    pair, prepare = timed(lambda: ms_ssim(*pyramids)), timed(lambda: build_pyramid(x))
    pair4, prepare4 = timed(lambda: four_component_gradient(*fields)), timed(lambda: gradient_field(x))
    rows = [
        ("MONAI MS-SSIM", theirs),
        ("MS-SSIM, images prepared", pair),
        ("MS-SSIM, with preparation, 2 pairs per image", pair + prepare / 2),
        ("4-G-R-SSIM, images prepared", pair4),
        ("4-G-R-SSIM, with preparation, 2 pairs per image", pair4 + prepare4 / 2),
    ]
    lines = [
        f"| {x} x {y} x {z} voxels, {threads} threads | pairs per second | times MONAI |"
        for x, y, z in [SHAPE]
    ]
    lines.append("|---|---|---|")
    lines += [f"| {name} | {1 / seconds:.2f} | {theirs / seconds:.1f} |" for name, seconds in rows]
    return "\n".join(lines) + "\n"


# --- distances ---


def print_distances(n: int, d: int) -> None:
    """Print seconds and peak memory of every distance as they come: the estimate, its interval and its null."""
    from analysis.feature_registry import all_distances

    print(f"| n = {n} and {n}, d = {d} | one value, s | with interval and null, s | peak memory, GB |")
    print("|---|---|---|---|", flush=True)
    for plugin in all_distances():
        if plugin.options["longest"] < d:
            print(f"| {plugin.label} | refused: d above {plugin.options['longest']} | | |", flush=True)
            continue
        once, whole, memory = in_own_process(_distance, plugin.name, n, d)
        print(f"| {plugin.label} | {once:.1f} | {whole:.1f} | {memory:.2f} |", flush=True)


def _distance(name: str, n: int, d: int) -> tuple[float, float, float]:
    from dataclasses import replace

    from analysis.evaluate import Pairs
    from analysis.feature_registry import all_distances
    from analysis.frame import build_frame
    from analysis.sample import prepare_samples
    from analysis.settings import Settings
    from generation.demo_cohorts import table_cohort

    cohorts = []
    for seed, role in enumerate(("r", "g")):
        vectors = np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)
        cohorts.append(replace(table_cohort(n, seed=seed, name=role), features={"random": vectors}))
    pairs = Pairs.of(build_frame(prepare_samples(cohorts[0], cohorts[1], min_people=10), Settings()))
    plugin = next(p for p in all_distances() if p.name == name)
    start = time.perf_counter()
    plugin(pairs.full, "random")
    once = time.perf_counter() - start
    most = plugin.options["max_splits"]
    plugin(pairs.bootstrap if plugin.options["draws"] == "bootstrap" else pairs.halves.first(most), "random")
    plugin(pairs.null.first(most), "random")
    return once, time.perf_counter() - start, peak_memory_gb()


# --- memory of the extraction ---


def memory_table(sizes: tuple[int, ...]) -> str:
    """Return peak memory of extracting features of cohorts of several sizes."""
    lines = ["| images | seconds per image | peak memory, MB |", "|---|---|---|"]
    for n in sizes:
        seconds, memory = in_own_process(_extract, n)
        lines.append(f"| {n} | {seconds:.2f} | {1024 * memory:.0f} |")
    return "\n".join(lines) + "\n"


def _extract(n: int) -> tuple[float, float]:
    import pandas as pd

    from cohorts.cohort import Cohort
    from cohorts.volumes import LabelMap, Volume, write_label_map, write_volume
    from evaluation.alignment import common_grid, template_centres
    from evaluation.extract_cohort import extract_cohort

    shape, affine = common_grid(4.0)
    places = (
        np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) @ affine[:3, :3].T + affine[:3, 3]
    )
    labels = np.zeros(shape, np.int32)
    for index, xyz in sorted(template_centres().items(), key=lambda item: item[0] not in (2, 41)):
        labels[((places - xyz) ** 2).sum(-1) < (27.0 if index in (2, 41) else 8.0) ** 2] = index
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        label_file = write_label_map(LabelMap(labels, affine), folder / "labels.nii.gz")
        images = []
        for row in range(n):
            grey = np.where(labels > 0, 60 + 40 * np.isin(labels, (2, 41)), 0).astype(np.float32)
            grey += np.random.default_rng(row).normal(0, 2, shape).astype(np.float32) * (labels > 0)
            images.append(write_volume(Volume(grey, affine), folder / f"{row}.nii"))
        ids = [f"p{row}" for row in range(n)]
        people = pd.DataFrame({"participant_id": ids, "person": ids, "age": 50.0, "sex": "F"})
        start = time.perf_counter()
        cohort = Cohort("balls", people, images=tuple(images))
        extract_cohort(cohort, [label_file] * n, out=folder / "store", names=QUICK, voxel_mm=4.0)
        return (time.perf_counter() - start) / n, peak_memory_gb()


def in_own_process(work: Callable[..., tuple[float, ...]], *arguments: object) -> tuple[float, ...]:
    """Run a piece of work in a fresh process and return what it returns."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(work, arguments)


def peak_memory_gb() -> float:
    """Return the largest memory of this process so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


if __name__ == "__main__":
    main()
