"""Seconds and memory per image: our segmenter beside the published SynthSeg architecture, on the same grid.

    python -m benchmarks.segmentation --image SCAN.nii.gz

The published network (24 features, five levels, two convolutions each, 33 channels out) gets random weights:
time does not depend on them. It is timed with the arithmetic that a user gets by default (float32) and with
bf16 in channels-last memory, which is what ours uses. Each timing runs in a process of its own, so that peak
memory is that of one program. One forward pass each; both tools double it by averaging with the mirrored
image. "Whole" is our full path from file to labels on the image's own grid, both passes and clean-up
included.
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from plausibrain.cohorts.volumes import read_volume
from plausibrain.evaluation.inference import predict
from plausibrain.evaluation.networks.half_resolution_unet import channels_last
from plausibrain.evaluation.networks.synthseg_network import SynthSegUNet
from plausibrain.evaluation.segmenters.synthseg_style import load_network, synthseg_style
from plausibrain.evaluation.working_grid import make_working_image

WAYS = ("ours, one pass", "ours, whole", "SynthSeg architecture, float32", "SynthSeg architecture, bf16")


def prepare(way: str, path: Path) -> Callable[[], object]:
    """Return the piece of work to be timed."""
    if way == "ours, whole":
        load_network()
        return lambda: synthseg_style(read_volume(path))
    data = torch.from_numpy(make_working_image(read_volume(path)).data)
    if way == "ours, one pass":
        network = load_network()
        return lambda: predict(network, data)
    padded = functional.pad(data, [w for n in reversed(data.shape) for w in (0, -n % 32)])[None, None]
    published = SynthSegUNet(33).eval()
    if way.endswith("bf16"):
        return lambda: forward_bf16(channels_last(published, "cpu"), padded)
    return lambda: forward(published, padded)


@torch.no_grad()
def forward(network: SynthSegUNet, image: Tensor) -> Tensor:
    """Return posteriors in float32."""
    return network(image)


@torch.no_grad()
def forward_bf16(network: SynthSegUNet, image: Tensor) -> Tensor:
    """Return posteriors in bf16, channels last."""
    with torch.autocast("cpu", torch.bfloat16):
        return network(image.contiguous(memory_format=torch.channels_last_3d))


def measure(way: str, path: Path, threads: int, repeats: int) -> tuple[list[float], float, tuple[int, ...]]:
    """Return seconds of each run after a first one, peak memory of the process in GB, and the grid."""
    torch.set_num_threads(threads)
    work = prepare(way, path)
    shape = make_working_image(read_volume(path)).data.shape
    work()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, shape


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    args = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"torch {torch.__version__}, {args.threads} threads, load of the machine before: {load:.1f}")
    print("| program | grid | median s | range s | peak GB |\n|---|---|---|---|---|")
    for way in args.ways:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, memory, shape = pool.apply(measure, (way, args.image, args.threads, args.repeats))
        grid = " x ".join(map(str, shape))
        middle = statistics.median(seconds)
        print(
            f"| {way} | {grid} | {middle:.1f} | {min(seconds):.1f} to {max(seconds):.1f} | {memory:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
