"""Peak memory of everything that a run does with images before the statistics, at two sizes of cohort.

    python -m benchmarks.images_memory [--sizes 50 500]

One simulated head at 2.5 mm, the coarsest at which pairs can be compared, is written many times with other noise: half
of the files as reference, half as generated. Each size is measured in a process of its own: reading label maps as a
segmenter does (`precomputed`; a network would hold one image more, whatever the size), image quality, features of the
default extractors, similarity of pairs (as many as images), and pictures. Seconds are processor seconds.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.machine import machine_line
from benchmarks.own_process import in_own_process, peak_memory_mb
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.schemas import CASES
from plausibrain.cohorts.volumes import Volume, write_label_map, write_volume

VOXEL_MM = 2.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 500])
    sizes = parser.parse_args().sizes
    print(f"{machine_line()}, one thread")
    print("| images | processor seconds per image | memory before the first image, MB | peak memory, MB |")
    print("|---|---|---|---|", flush=True)
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            in_own_process(write_heads, folder, n)
            found = in_own_process(measure, folder, n)
        if found is not None:
            seconds, before, peak = found
            print(f"| {n} | {seconds / n:.2f} | {before:.0f} | {peak:.0f} |", flush=True)


def write_heads(folder: str, n: int) -> tuple[float, ...]:
    """Write n files of one simulated head, each with noise of its own, and its label map."""
    from plausibrain.generation.norms import draw_subjects, draw_volumes
    from plausibrain.generation.simulator.subject import Grid, simulate_subject

    volumes = draw_volumes(draw_subjects(1, seed=1), seed=1).iloc[0]
    drawn = simulate_subject(0, volumes, age=50.0, seed=1, grid=Grid(VOXEL_MM))
    spread = 0.02 * float(np.percentile(drawn.image.data, 99))
    for k in range(n):
        name = f"sub-{k:04d}"
        noise = np.random.default_rng(k).normal(0, spread, drawn.image.shape).astype(np.float32)
        write_volume(Volume(drawn.image.data + np.abs(noise), drawn.image.affine), _file(folder, name, "T1w"))
        write_label_map(drawn.labels, _file(folder, name, "dseg"))
    return (0.0,)


def _file(folder: str, name: str, kind: str) -> Path:
    place = Path(folder) / ("images" if kind == "T1w" else "labels")
    place.mkdir(exist_ok=True)
    return place / f"{name}_{kind}.nii.gz"


def measure(folder: str, n: int) -> tuple[float, ...]:
    """Return processor seconds, memory before the first image and peak memory of one run over n images."""
    import torch

    from plausibrain.config import ImageSettings
    from plausibrain.features import extract_features
    from plausibrain.imaging import measured
    from plausibrain.quality import measure_quality
    from plausibrain.slices import write_slices

    torch.set_num_threads(1)
    out = Path(folder) / "run"
    options = {"labels": str(Path(folder) / "labels")}
    before, start = peak_memory_mb(), time.process_time()
    reference, generated = (
        measured(
            _cohort(Path(folder), role, rows), out / "segmented" / role, segmenter="precomputed",
            options=options,
        )
        for role, rows in (("reference", range(n // 2)), ("generated", range(n // 2, n)))
    )  # fmt: skip
    quality = measure_quality(reference, generated, out)
    found = extract_features(
        quality.reference, quality.generated, out, settings=ImageSettings(n_pairs=n // 2), voxel_mm=VOXEL_MM
    )
    if not found.reference.features or found.reference.pairs is None or found.reference.pairs["reason"].any():
        raise RuntimeError("not everything was measured; see the notes of the cohorts")
    write_slices(found.reference, found.generated, CASES.empty(), out, seed=0, voxel_mm=VOXEL_MM)
    return time.process_time() - start, before, peak_memory_mb()


def _cohort(folder: Path, role: str, rows: range) -> Cohort:
    names = [f"sub-{k:04d}" for k in rows]
    subjects = pd.DataFrame({"participant_id": names, "subject": names, "age": 50.0, "sex": "F"})
    images = tuple(_file(str(folder), name, "T1w") for name in names)
    return Cohort(role, subjects, images=images, source=folder)


if __name__ == "__main__":
    main()
