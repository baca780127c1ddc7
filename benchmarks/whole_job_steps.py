"""The job of one image in three steps that each open it, in a checkout of any version since the first.

    cd CHECKOUT && PYTHONPATH=CHECKOUT python - SCAN.nii.gz < whole_job_steps.py

`benchmarks.whole_job --before CHECKOUT` runs it so. Prints seconds by the clock, seconds of the processor and
peak memory in MB as JSON. Floors were packages of their own before they became packages of plausibrain.
"""

import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

SEGMENTER, VOXEL_MM = "synthseg_style", 1.0


def module(name: str) -> Any:
    """Return a module of a floor, wherever this version has it."""
    try:
        return importlib.import_module(f"plausibrain.{name}")
    except ModuleNotFoundError:
        return importlib.import_module(name)


def main() -> None:
    """Print the three numbers."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    ids = ["sub-1"]
    subjects = pd.DataFrame({"participant_id": ids, "subject": ids, "age": 30.0, "sex": "F"})
    cohort = module("cohorts.cohort").Cohort("one", subjects, images=(Path(sys.argv[1]),))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        wall, processor = time.perf_counter(), time.process_time()
        segmented = module("evaluation.segment_cohort").segment_cohort(
            cohort, out=folder / "segmented", segmenter=SEGMENTER
        )
        labels = [Path(path) for path in segmented.table["labels"]]
        module("evaluation.measure_cohort").measure_cohort(
            segmented.cohort, labels, out=folder / "measured", voxel_mm=VOXEL_MM
        )
        names = list(module("evaluation.extraction").default_extractors())
        module("evaluation.extract_cohort").extract_cohort(
            segmented.cohort, labels, out=folder / "extracted", names=names, voxel_mm=VOXEL_MM
        )
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        n_written = sum(path.is_file() for path in folder.rglob("*"))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_mb = float(status.partition("VmHWM:")[2].split()[0]) / 1024
    if n_written < 3 or list(segmented.table["status"]) == ["failed"]:
        raise SystemExit("the image was not segmented, measured and extracted")
    print(json.dumps([wall, processor, peak_mb]))


if __name__ == "__main__":
    main()
