"""Measure how a conditional model answers requests for volumes, and write a checkpoint that undoes it.

    python -m makers.calibrate_requests CHECKPOINT --out CALIBRATED [--n 120] [--work runs/requests]

Subjects of the simulator are asked for whom neither training nor `benchmarks.models` draws. The model is told
volumes that are spread more widely than theirs, its images are segmented, and the inverse of its answer
becomes the request curves of the checkpoint (`plausibrain.generation.request_curves`). Weights stay as they
are. A killed run goes on.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.models import ASKED_COLUMNS
from plausibrain.analysis.conditions import measured_structures
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.processes import spread
from plausibrain.cohorts.structures import TIV
from plausibrain.generation.checkpoint import read_checkpoint, with_curves
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.request_curves import fit_curve
from plausibrain.generation.sample_cohort import Share, sample_cohort
from plausibrain.generation.scaler import RequestCurve
from plausibrain.imaging import segment
from plausibrain.models import load_model
from plausibrain.progress import progress_bar

SEED, N_SEARCHED = 5100, 3000
#: Images of those who were told more are drawn and printed, and the curve ends here: the small latent
#: diffusion answers 160 mL with less than 115 mL, and 210 mL with 30.
LARGEST_TOLD_MM3 = 120_000.0
PARTS = 12
VENTRICLE, BRAIN = "requested_ventricle_mm3", "requested_brain_mm3"
KNOTS = {VENTRICLE: 6, BRAIN: 3}


def told_subjects(n: int) -> pd.DataFrame:
    """Return the conditions that the network is told: subjects evenly spread over root ventricle volume.

    Ventricles are about 1.6 times as far from 13 mL as theirs, brains 1.2 times as far from the mean, both
    with a spread of their own, so that the answer is known beyond the range of requests.
    """
    cohort = table_cohort(N_SEARCHED, seed=SEED, name="told")
    subjects = cohort.subjects.sort_values(VENTRICLE, ignore_index=True)
    root = np.sqrt(subjects[VENTRICLE].to_numpy(float))
    wanted = np.linspace(root[0], np.quantile(root, 0.998), n)
    subjects = subjects.iloc[np.unique(np.searchsorted(root, wanted).clip(0, len(root) - 1))]
    rng = np.random.default_rng(SEED)
    ventricle, brain = (subjects[name].to_numpy(float) for name in (VENTRICLE, BRAIN))
    spread = np.exp(0.25 * rng.standard_normal(len(subjects)))
    told = {
        VENTRICLE: np.minimum(1.6 * ventricle * spread - 8_000, 220_000),
        BRAIN: brain.mean() + 1.2 * (brain - brain.mean()) + 50_000 * rng.standard_normal(len(subjects)),
    }
    return subjects[list(ASKED_COLUMNS)].assign(**told).reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Worker:
    """What one process draws: a share of the subjects."""

    checkpoint: Path
    subjects: pd.DataFrame
    folder: Path
    share: Share


def draw(worker: Worker) -> Cohort:
    """Draw one worker's share of the subjects; return the cohort as far as it is drawn."""
    model = load_model(read_checkpoint(worker.checkpoint).model, worker.checkpoint, {})
    return sample_cohort(model, worker.subjects, worker.folder, seed=SEED, share=worker.share)


def drawn(checkpoint: Path, subjects: pd.DataFrame, folder: Path, n_processes: int) -> Cohort:
    """Return the images of all subjects."""
    shares = (Share(index, n_processes) for index in range(n_processes))
    for _ in spread(draw, [Worker(checkpoint, subjects, folder, share) for share in shares], n_processes):
        pass
    return draw(Worker(checkpoint, subjects, folder, Share()))


def curves_of(measured: Cohort) -> Mapping[str, RequestCurve]:
    """Return the curves of a measured cohort whose requested volumes are what the network was told."""
    subjects, volumes = measured.included.subjects, measured.included.volumes
    if volumes is None:
        raise DataError("no image could be segmented")
    used = subjects[VENTRICLE].to_numpy(float) <= LARGEST_TOLD_MM3
    curves = {}
    for column, n_knots in KNOTS.items():
        names = measured_structures(column, [name for name in volumes.columns if name != TIV])
        got, told = volumes[names].sum(axis=1).to_numpy(float), subjects[column].to_numpy(float)
        curves[column] = fit_curve(told[used], got[used], n_knots)
        print(f"{column}, means of told -> given, mL:")
        order = np.argsort(told)
        print("  " + ", ".join(_means(told[part], got[part]) for part in np.array_split(order, PARTS)))
        print(f"  curve from {used.sum()} of {len(used)} images, asked -> told, mL:")
        knots = zip(curves[column].asked, curves[column].told, strict=True)
        print("  " + ", ".join(f"{asked / 1000:.1f} -> {knot / 1000:.1f}" for asked, knot in knots))
    return curves


def _means(told: np.ndarray, got: np.ndarray) -> str:
    return f"{told.mean() / 1000:.1f} -> {got.mean() / 1000:.1f}"


def main() -> None:
    """Draw, measure, fit and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument(
        "--out", type=Path, required=True, help="checkpoint to write; may be the one that is read"
    )
    parser.add_argument("--n", type=int, default=120)
    parser.add_argument("--segmenter", default="synthseg_style_2mm")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/requests"))
    given = parser.parse_args()
    plain = given.work / "plain"
    with_curves(given.checkpoint, plain, {})
    cohort = drawn(plain, told_subjects(given.n), given.work / "images", given.processes)
    with progress_bar("segment") as progress:
        measured = segment(
            cohort, given.work / "segmented", segmenter=given.segmenter, n_processes=given.processes,
            progress=progress,
        )  # fmt: skip
    print(with_curves(plain, given.out, curves_of(measured)).hash)


if __name__ == "__main__":
    main()
