"""One scan of about 1 mm through the whole job of an image: segmented, measured, turned into features.

    python -m benchmarks.whole_job SCAN.nii.gz [--three-steps]

One process, one thread. With `--three-steps` each step opens the image by itself, through functions that
versions before the common job had too, so that this file runs in a checkout of those.
"""

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.machine import machine_line
from benchmarks.own_process import Numbers, in_own_process, peak_memory_mb
from plausibrain.cohorts.cohort import Cohort

SEGMENTER, VOXEL_MM = "synthseg_style", 1.0


def of_one(scan: Path) -> Cohort:
    """Return a cohort of one image."""
    subjects = pd.DataFrame(
        {
            "participant_id": ["sub-1"],
            "subject": "sub-1",
            "age": 30.0,
            "sex": "F",
            "status": "ok",
            "reason": "",
        }
    )
    return Cohort("one", subjects, images=(scan,))


def one_visit(scan: Path, folder: Path) -> Numbers:
    """Return wall seconds, processor seconds and peak memory, MB, of one visit."""
    from plausibrain.evaluation.extract_cohort import extracting
    from plausibrain.evaluation.extract_image import named_extractors
    from plausibrain.evaluation.extraction import default_extractors
    from plausibrain.evaluation.image_job import Measuring, Segmenting, Steps, visit_images

    wall, processor = time.perf_counter(), time.process_time()
    plugins = named_extractors(list(default_extractors()), {}, VOXEL_MM)
    steps = Steps(
        Segmenting(SEGMENTER, {}, folder / "segmented"),
        Measuring(VOXEL_MM, folder / "measured"),
        extracting(plugins, voxel_mm=VOXEL_MM, folder=folder / "extracted"),
    )
    ((_, record),) = visit_images([scan], [None], steps)
    if record.reason:
        raise RuntimeError(record.reason)
    return time.perf_counter() - wall, time.process_time() - processor, peak_memory_mb()


def three_steps(scan: Path, folder: Path) -> Numbers:
    """Return the same of three steps after each other."""
    from plausibrain.cohorts.arithmetic import fixed_threads
    from plausibrain.evaluation.extract_cohort import extract_cohort
    from plausibrain.evaluation.extraction import default_extractors
    from plausibrain.evaluation.measure_cohort import measure_cohort
    from plausibrain.evaluation.segment_cohort import segment_cohort

    wall, processor = time.perf_counter(), time.process_time()
    with fixed_threads(1):
        result = segment_cohort(of_one(scan), out=folder / "segmented", segmenter=SEGMENTER)
        labels = [Path(path) for path in result.table["labels"]]
        measure_cohort(result.cohort, labels, out=folder / "measured", voxel_mm=VOXEL_MM)
        extract_cohort(
            result.cohort, labels, out=folder / "extracted", names=list(default_extractors()),
            voxel_mm=VOXEL_MM,
        )  # fmt: skip
    return time.perf_counter() - wall, time.process_time() - processor, peak_memory_mb()


def kilobytes(folder: Path) -> int:
    """Return how much the files of a folder hold, kB."""
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1000)


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scan", type=Path)
    parser.add_argument("--three-steps", action="store_true")
    args = parser.parse_args()
    work = three_steps if args.three_steps else one_visit
    with tempfile.TemporaryDirectory() as place:
        numbers = in_own_process(work, args.scan, Path(place))
        sizes = {path.name: kilobytes(path) for path in sorted(Path(place).iterdir())}
    if numbers is None:
        raise SystemExit("it took too long")
    wall, processor, peak = numbers
    print(machine_line())
    print(
        f"{work.__name__}: {processor:.1f} s of processor, {wall:.0f} s by the clock, "
        f"peak memory {peak / 1024:.2f} GiB; on disk " + ", ".join(f"{n} {s} kB" for n, s in sizes.items())
    )


if __name__ == "__main__":
    main()
