"""A brain of balls: one for every structure, at its place in the common space, anywhere in the world."""

from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.volumes import LabelMap, Volume, write_label_map, write_volume
from plausibrain.evaluation.alignment import common_grid, template_centres

WHITE = (2, 41)


def ball_brain(
    *, voxel_mm: float = 4.0, turn: np.ndarray | None = None, seed: int = 0, leave_out: tuple[int, ...] = ()
) -> tuple[Volume, LabelMap]:
    """Return image and labels; `turn` (4, 4) moves the whole into another place of the world."""
    shape, affine = common_grid(voxel_mm)
    places = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1) @ affine[:3, :3].T
    places = places + affine[:3, 3]
    labels, image = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    rng = np.random.default_rng(seed)
    centres = {k: xyz for k, xyz in template_centres().items() if k not in leave_out}
    for k, xyz in sorted(centres.items(), key=lambda item: item[0] not in WHITE):
        radius = 27.0 if k in WHITE else 8.0
        inside = ((places - xyz) ** 2).sum(axis=-1) < radius**2
        labels[inside] = k
        image[inside] = 100.0 if k in WHITE else rng.uniform(30, 90)
    image += rng.normal(0, 2, shape).astype(np.float32) * (labels > 0)
    moved = (np.eye(4) if turn is None else turn) @ affine
    return Volume(image, moved), LabelMap(labels, moved)


def rigid(degrees: float, shift_mm: tuple[float, float, float]) -> np.ndarray:
    """Return a turn about the axis of the feet, and a shift."""
    a = np.deg2rad(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    matrix[:3, 3] = shift_mm
    return matrix


def image_cohort(folder: Path, n: int, *, seeds: list[int] | None = None) -> tuple[Cohort, list[Path]]:
    """Write n ball brains and return the cohort with the paths of its labels."""
    images, labels = [], []
    for row in range(n):
        seed = row if seeds is None else seeds[row]
        image, label = ball_brain(seed=seed, turn=rigid(3.0 * row, (row, 0, -row)))
        images.append(write_volume(image, folder / f"{row}.nii.gz"))
        labels.append(write_label_map(label, folder / f"{row}_labels.nii.gz"))
    ids = [f"p{row}" for row in range(n)]
    subjects = pd.DataFrame({"participant_id": ids, "subject": ids, "age": 50.0, "sex": "F"})
    return Cohort("balls", subjects, images=tuple(images)), labels
