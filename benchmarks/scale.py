"""Many tiny volumes through the job of an image: overhead beside the work, memory, and what a second run costs.

    python -m benchmarks.scale --n 500
    python -m benchmarks.scale --tables 100000 [--form parquet]
    python -m benchmarks.scale --kills 20 --n 200
    python -m benchmarks.scale --executors --n 60
    python -m benchmarks.scale --workers --n 2000
    python -m benchmarks.scale --folders 100000

The second reports on two large tables; the third kills the work at random moments and resumes it; the fourth
visits the same images in one process, in two, and on a Dask cluster of two workers; the fifth compares how many
images one worker process and two do in a second, when they have started, and belongs on an idle machine; the sixth times folders of very many subjects.

The volumes are phantoms of 6 mm with label maps, so that almost nothing but the overhead is left. Times are
seconds of the processor, which other work on the machine does not change much.
"""

import argparse
import cProfile
import pstats
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import machine_line
from benchmarks.scale_faults import executor_lines, kill_lines
from benchmarks.scale_folders import folder_lines
from benchmarks.scale_tables import table_lines
from benchmarks.scale_workers import worker_lines
from plausibrain.cohorts.structures import names, structure
from plausibrain.cohorts.volumes import LabelMap, Volume, write_label_map, write_volume
from plausibrain.evaluation.image_job import Segmenting, Steps, visit_images

VOXEL_MM = 6.0
SHAPE = (30, 36, 28)


def write_heads(folder: Path, n: int) -> list[Path]:
    """Write n boxes of structures, each with its own noise."""
    (folder / "labels").mkdir(parents=True)
    ids = np.array([structure(name).index for name in names("aseg")], np.int32)
    labels = np.zeros(SHAPE, np.int32)
    labels[4:-4, 4:-4, 4:-4] = ids[np.arange(22 * 28 * 20).reshape(22, 28, 20) * len(ids) // (22 * 28 * 20)]
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    paths = []
    for k in range(n):
        noise = np.random.default_rng(k).normal(0, 1, SHAPE)
        image = np.where(labels > 0, 100 + labels + noise, 0)
        paths.append(write_volume(Volume(image, affine), folder / f"sub-{k:06d}_T1w.nii.gz"))
        write_label_map(LabelMap(labels, affine), folder / "labels" / f"sub-{k:06d}_dseg.nii.gz")
    return paths


def visited(paths: list[Path], out: Path, n_processes: int = 1) -> tuple[float, float, float]:
    """Return processor seconds and wall seconds of one visit of all, and the growth of memory in MB."""
    steps = Steps(Segmenting("precomputed", {"labels": str(paths[0].parent / "labels")}, out))
    memory, tenth = [], max(1, len(paths) // 10)
    began, processor = time.perf_counter(), processor_seconds()
    visits = visit_images(paths, [None] * len(paths), steps, n_processes=n_processes)
    for done, (_, record) in enumerate(visits, start=1):
        if record.reason:
            raise SystemExit(f"an image failed: {record.reason}")
        if done % tenth == 0:
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return processor_seconds() - processor, time.perf_counter() - began, memory[-1] - memory[0]


def processor_seconds() -> float:
    """Seconds of the processor in this process and those that it started and that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _lines(args: argparse.Namespace, paths: list[Path], folder: Path) -> list[str]:
    if args.workers:
        return worker_lines(paths, folder)
    return kill_lines(paths, folder, args.kills) if args.kills else executor_lines(paths, folder)


def main() -> None:
    """Print what a first and a second run cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--tables", type=int, default=0, help="Rows of each table, instead of images.")
    parser.add_argument("--form", choices=("tsv", "parquet"), default="tsv")
    parser.add_argument("--kills", type=int, default=0, help="How often the work is killed.")
    parser.add_argument("--executors", action="store_true")
    parser.add_argument("--workers", action="store_true", help="Throughput of one worker and of two.")
    parser.add_argument("--folders", type=int, default=0, help="Subjects of a folder that is only listed.")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        print(machine_line())
        if args.tables:
            print(*table_lines(folder, args.tables, args.form), sep="\n")
            return
        if args.folders:
            print(*folder_lines(folder, args.folders), sep="\n")
            return
        paths = write_heads(folder / "heads", args.n)
        if args.kills or args.executors or args.workers:
            print(*_lines(args, paths, folder), sep="\n")
            return
        print(f"{args.n} volumes of {SHAPE}")
        for run in ("first", "second"):
            profile = cProfile.Profile()
            if args.profile:
                profile.enable()
            processor, wall, growth = visited(paths, folder / "store")
            profile.disable()
            print(
                f"{run} run: {1000 * processor / args.n:.1f} ms of processor an image ({wall:.0f} s in all), "
                f"memory grew by {growth:.0f} MB from the first tenth to the last"
            )
            if args.profile:
                pstats.Stats(profile).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    main()
