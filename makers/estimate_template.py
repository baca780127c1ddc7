"""Estimate where structures lie in the common space.

``python -m makers.estimate_template FOLDER OUT``

The mean of rigidly aligned subjects (generalised Procrustes without scale), made symmetric, with the middle
of their brains at the origin. The file that ships came from 24 subjects of the simulator:
``plausibrain generate --n 24 --seed 7 --youngest 20 --oldest 90 --voxel 2 --skull-strip --out FOLDER``.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from plausibrain.cohorts.label_centres import brain_mask
from plausibrain.cohorts.structures import homologue, structure
from plausibrain.cohorts.volumes import LabelMap, read_label_map
from plausibrain.evaluation.alignment import centres, fit_pose, template_table

ROUNDS = 5


def estimate_template(maps: Sequence[LabelMap]) -> dict[int, np.ndarray]:
    """Return the mean place of every structure that all label maps have, mm.

    Parameters
    ----------
    maps : sequence of LabelMap
        World axes close to right, anterior, superior.
    """
    own_centres = [centres(labels) for labels in maps]
    ids = sorted(set.intersection(*(set(one) for one in own_centres)))
    points = np.array([[one[k] for k in ids] for one in own_centres])
    points -= np.array([_middle(labels) for labels in maps])[:, None]
    mean = _mirror(points.mean(axis=0), ids)
    for _ in range(ROUNDS):
        poses = [fit_pose(one, mean).matrix for one in points]
        positions = np.array([one @ m[:3, :3].T + m[:3, 3] for one, m in zip(points, poses, strict=True)])
        mean = _mirror(positions.mean(axis=0), ids)
    return dict(zip(ids, mean, strict=True))


def _middle(labels: LabelMap) -> np.ndarray:
    """Return the middle of the box around the brain, world mm."""
    places = np.argwhere(brain_mask(labels))
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    result: np.ndarray = labels.affine[:3, :3] @ middle + labels.affine[:3, 3]
    return result


def _mirror(points: np.ndarray, indices: Sequence[int]) -> np.ndarray:
    """Return the mean of the places and their mirror image, sides swapped."""
    at = {k: row for row, k in enumerate(indices)}
    partner = [at.get(_other_side(k), at[k]) for k in indices]
    result: np.ndarray = (points + points[partner] * np.array([-1.0, 1.0, 1.0])) / 2
    return result


def _other_side(index: int) -> int:
    other = homologue(structure(index).name)
    return index if other is None else int(structure(other).index)


def main(folder: str, out: str) -> None:
    """Read every label map of a cohort folder and write the template."""
    maps = [read_label_map(path) for path in sorted(Path(folder).glob("sub-*/anat/*_dseg.nii.gz"))]
    Path(out).write_text(template_table(estimate_template(maps)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])
