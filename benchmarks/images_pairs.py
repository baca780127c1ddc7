"""Similarity of pairs, and distances between clouds.

    python -m benchmarks.images_pairs [--threads 2] [--n 2000] [--d 2048] [--most-cpu 600]

Prints tables in Markdown. MS-SSIM is timed beside MONAI's on the same two volumes with the same parameters; ours
is given with the preparation of an image (shared by all its pairs) and without. Every distance runs in processes of
its own, one for the value and one for the interval and the null, so that peak memory is its own, the clouds and
the Python packages included; preparing the subjects and their vectors is not timed. What takes more than `--most-cpu` processor seconds is ended and printed as more. All
seconds are processor seconds, summed over threads: other programs on the machine do not count.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.machine import machine_line
from benchmarks.own_process import in_own_process, peak_memory_mb

SHAPE = (160, 224, 160)
REPEATS = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--d", type=int, default=2048)
    parser.add_argument("--most-cpu", type=int, default=600)
    parser.add_argument("--part", choices=("pairs", "distances", "intervals"), default=None)
    arguments = parser.parse_args()
    print(machine_line(), flush=True)
    if arguments.part in (None, "pairs"):
        print(pairs_table(arguments.threads), flush=True)
    if arguments.part in (None, "distances"):
        print_distances(arguments.n, arguments.d, "one value", arguments.most_cpu)
    if arguments.part in (None, "intervals"):
        print_distances(arguments.n, arguments.d, "interval and null", arguments.most_cpu)


def timed(work: Callable[[], object]) -> float:
    """Return the median processor time of three runs after one, s."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


# --- pairs ---


def pairs_table(threads: int) -> str:
    """Return pairs per second at 160 x 224 x 160 voxels."""
    import torch
    from monai.metrics.regression import compute_ms_ssim
    from torch.nn import functional

    from plausibrain.evaluation.diversity.gradients import gradient_field
    from plausibrain.evaluation.diversity.pyramids import WINDOW_SIZE, build_pyramid
    from plausibrain.evaluation.diversity.similarities.four_component_gradient import four_component_gradient
    from plausibrain.evaluation.diversity.similarities.ms_ssim import ms_ssim

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
        f"| {x} x {y} x {z} voxels, {threads} threads | processor seconds a pair | times faster than MONAI |"
        for x, y, z in [SHAPE]
    ]
    lines.append("|---|---|---|")
    lines += [f"| {name} | {seconds:.2f} | {theirs / seconds:.1f} |" for name, seconds in rows]
    return "\n".join(lines) + "\n"


# --- distances ---


def print_distances(n: int, d: int, part: str, most_cpu_s: int) -> None:
    """Print seconds and peak memory of every distance as they come: of one value, or of interval and null."""
    from plausibrain.analysis.feature_registry import all_distances

    pairs = prepared_pairs(n, d)
    print(f"| {part}, n = {n} and {n}, d = {d} | processor seconds | peak memory, MB |")
    print("|---|---|---|", flush=True)
    for plugin in all_distances():
        if plugin.longest < d:
            print(f"| {plugin.label} | refused: d above {plugin.longest} | |", flush=True)
            continue
        found = in_own_process(_distance, plugin.name, pairs, part, most_cpu_s=most_cpu_s, forked=True)
        said = f"more than {most_cpu_s} | " if found is None else f"{found[0]:.1f} | {found[1]:.0f}"
        print(f"| {plugin.label} | {said} |", flush=True)


def prepared_pairs(n: int, d: int) -> Any:
    """Return two cohorts of n subjects with d independent features, as the analysis prepares them."""
    from dataclasses import replace

    from plausibrain.analysis.evaluate import Pairs
    from plausibrain.analysis.joint_design import build_frame
    from plausibrain.analysis.sample import prepare_samples
    from plausibrain.analysis.settings import Settings
    from plausibrain.generation.demo_cohorts import table_cohort

    cohorts = []
    for seed, role in enumerate(("r", "g")):
        vectors = np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)
        cohorts.append(replace(table_cohort(n, seed=seed, name=role), features={"random": vectors}))
    return Pairs.of(build_frame(prepare_samples(cohorts[0], cohorts[1], min_subjects=10), Settings()))


def _distance(name: str, pairs: Any, part: str) -> tuple[float, ...]:
    """Return processor seconds and peak memory of one value, or of the interval and the null."""
    from plausibrain.analysis.feature_registry import all_distances

    plugin = next(p for p in all_distances() if p.name == name)
    start, most = time.process_time(), plugin.max_splits
    if part == "one value":
        plugin(pairs.full, "random")
    else:
        draws = plugin.draws
        plugin(pairs.bootstrap if draws == "bootstrap" else pairs.halves.first(most), "random")
        plugin(pairs.null.first(most), "random")
    return time.process_time() - start, peak_memory_mb()


if __name__ == "__main__":
    main()
