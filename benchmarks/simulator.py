"""Measure the simulator and write ``docs/simulator.md``: volumes on exact labels, folds, speed, pictures.

    python -m benchmarks.simulator --per-sex 400 --store FOLDER [--data FOLDER]

The subjects are drawn into FOLDER/simulated.tsv as they are finished; a killed run goes on. ``--data`` is the
folder of real scans; without it their half of the image-quality table is left out.
"""

import argparse
import sys
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.simulator_page import page, pictures
from benchmarks.simulator_quality import quality_table
from plausibrain.generation.norms import VOLUME_NAMES, draw_subjects, draw_volumes
from plausibrain.generation.simulator.anatomy import MODEL_FILE, STEP_MM, load_anatomy
from plausibrain.generation.simulator.spatial import jacobian_determinant
from plausibrain.generation.simulator.subject import (
    COARSE_FROM_MM,
    Grid,
    count_volumes,
    draw_head,
    simulate_subject,
)

SEED = 2026
VOXEL_MM = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-sex", type=int, default=400)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--draw-only", action="store_true", help="draw subjects, write no page")
    arguments = parser.parse_args()
    arguments.store.mkdir(parents=True, exist_ok=True)
    subjects, targets = balanced_subjects(arguments.per_sex)
    measured = draw_all(subjects, targets, arguments.store / "simulated.tsv")
    if arguments.draw_only:
        return
    speed = {voxel: seconds_per_subject(subjects, targets, voxel) for voxel in (1.0, 2.0)}
    quality = quality_table(subjects, targets, SEED, arguments.data)
    pictures(arguments.out / "simulator", SEED)
    (arguments.out / "simulator.md").write_text(
        page(subjects, targets, measured, speed=speed, quality=quality, size_mb=model_size()),
        encoding="utf-8",
    )


def model_size() -> float:
    """Size of the shipped model, MB."""
    return (resources.files("plausibrain.generation") / "data" / MODEL_FILE).stat().st_size / 1e6  # type: ignore[attr-defined]


def balanced_subjects(per_sex: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the first subjects of either sex among many, with their target volumes."""
    everybody = draw_subjects(3 * per_sex + 50, seed=SEED)
    chosen = everybody.groupby("sex").head(per_sex).sort_index()
    return chosen, draw_volumes(chosen, seed=SEED)


def draw_all(subjects: pd.DataFrame, targets: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Volumes on exact labels at 2 mm, one row a subject, appended as they are done."""
    columns = ["index", *VOLUME_NAMES, "jacobian_min", "seconds"]
    done = set(pd.read_csv(path, sep="\t")["index"]) if path.exists() else set()
    if not path.exists():
        path.write_text("\t".join(columns) + "\n", encoding="utf-8")
    anatomy = load_anatomy(coarse=VOXEL_MM >= COARSE_FROM_MM)
    with path.open("a", encoding="utf-8") as stream:
        for count, i in enumerate(subjects.index):
            if i in done:
                continue
            start = time.process_time()
            head = draw_head(i, targets.loc[i], seed=SEED, grid=Grid(VOXEL_MM), anatomy=anatomy)
            volumes = count_volumes(head.labels.numpy(), VOXEL_MM**3)
            fold = jacobian_determinant(head.displacement / STEP_MM).min().item()
            row = [i, *volumes.tolist(), fold, time.process_time() - start]
            stream.write("\t".join(f"{value:.6g}" for value in row) + "\n")
            stream.flush()
            if count % 20 == 0:
                print(f"{count + 1} of {len(subjects)} subjects", file=sys.stderr, flush=True)
    return pd.read_csv(path, sep="\t").set_index("index").loc[subjects.index]


def seconds_per_subject(
    subjects: pd.DataFrame, targets: pd.DataFrame, voxel_mm: float
) -> tuple[float, float]:
    """Wall and processor seconds for a whole subject, image included, after the model is read."""
    first, second = subjects.index[:2]
    simulate_subject(first, targets.loc[first], age=50.0, seed=SEED, grid=Grid(voxel_mm))
    wall, cpu = time.perf_counter(), time.process_time()
    simulate_subject(second, targets.loc[second], age=50.0, seed=SEED, grid=Grid(voxel_mm))
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    torch.set_num_threads(2)
    np.seterr(all="raise", under="ignore")
    main()
