"""One scan of about 1 mm through the whole job of an image: segmented, measured, turned into features.

    python -m benchmarks.whole_job SCAN.nii.gz [--three-steps] [--before CHECKOUT ...]

One process. This version works on independent parts of an image at a time where a core is free. With `--three-steps` each step also opens the image by itself, and with `--before` the
version in another checkout (`git worktree add CHECKOUT COMMIT`) does so on the same scan.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import machine_line
from benchmarks.own_process import Numbers, in_own_process, peak_memory_mb

SEGMENTER, VOXEL_MM = "synthseg_style", 1.0


def one_visit(scan: Path, folder: Path) -> Numbers:
    """Return wall seconds, processor seconds and peak memory, MB, of one visit."""
    from plausibrain.evaluation.extract_cohort import extracting
    from plausibrain.evaluation.extract_image import named_extractors
    from plausibrain.evaluation.extraction import default_extractors
    from plausibrain.evaluation.image_job import Measuring, Segmenting, Steps, visit_images
    from plausibrain.evaluation.scratch import Scratch

    wall, processor = time.perf_counter(), time.process_time()
    plugins = named_extractors(list(default_extractors()), {}, VOXEL_MM)
    steps = Steps(
        Segmenting(SEGMENTER, {}, folder / "segmented"),
        Measuring(VOXEL_MM, folder / "measured"),
        extracting(plugins, voxel_mm=VOXEL_MM, folder=folder / "extracted"),
        Scratch(folder / "scratch", VOXEL_MM),
    )
    ((_, record),) = visit_images([scan], [None], steps)
    if record.reason:
        raise RuntimeError(record.reason)
    return time.perf_counter() - wall, time.process_time() - processor, peak_memory_mb()


def three_steps(scan: Path, checkout: Path) -> Numbers:
    """Return the same of three steps after each other, as the version in a checkout does them."""
    script = Path(__file__).with_name("whole_job_steps.py").read_text(encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-", str(scan.absolute())], input=script, cwd=checkout, check=True, text=True,
        stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(checkout.absolute()), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    wall, processor, peak_mb = json.loads(result.stdout.splitlines()[-1])
    return wall, processor, peak_mb


def version_of(checkout: Path) -> str:
    """Return commit and date of a checkout."""
    command = ["git", "-C", str(checkout), "log", "-1", "--format=%h of %ad", "--date=short"]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def kilobytes(folder: Path) -> int:
    """Return how much the files of a folder hold, kB."""
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1000)


def line(name: str, numbers: Numbers) -> str:
    """Return what the work took, in words."""
    wall, processor, peak_mb = numbers
    return (
        f"{name}: {processor:.1f} s of processor, {wall:.0f} s by the clock, "
        f"peak memory {peak_mb / 1024:.2f} GiB"
    )


def main() -> None:
    """Print a line for this version, one for every other, and their ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scan", type=Path)
    parser.add_argument("--three-steps", action="store_true")
    parser.add_argument("--before", type=Path, action="append", default=[], metavar="CHECKOUT")
    args = parser.parse_args()
    print(machine_line())
    with tempfile.TemporaryDirectory() as place:
        now = in_own_process(one_visit, args.scan, Path(place))
        sizes = {path.name: kilobytes(path) for path in sorted(Path(place).iterdir())}
    if now is None:
        raise SystemExit("it took too long")
    print(
        line("this version, one visit", now)
        + "; on disk "
        + ", ".join(f"{n} {s} kB" for n, s in sizes.items())
    )
    here = Path(__file__).parents[1]
    for checkout in [*([here] if args.three_steps else []), *args.before]:
        numbers = three_steps(args.scan, checkout)
        name = "this version" if checkout == here else version_of(checkout)
        print(
            line(f"{name}, three steps", numbers),
            f"(this version, one visit: {now[1] / numbers[1]:.2f} of its processor seconds, "
            f"{now[2] / numbers[2]:.2f} of its memory)",
        )


if __name__ == "__main__":
    main()
