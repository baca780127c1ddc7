"""Make ``reports/data/atlas.npz``, the brain on which reports paint: ``python -m makers.report_atlas``.

One simulated adult of 60 years with the mean volumes of the norms, at 1 mm, cut down to the brain. The cortex
is one structure on each side; which Desikan-Killiany parcel a voxel of it belongs to stands in a second
array, as its place among the 68, from 1.
"""

from pathlib import Path

import numpy as np

from plausibrain.cohorts.structures import STRUCTURES, names, structure
from plausibrain.cohorts.volumes import LabelMap
from plausibrain.evaluation.parcel_labels import with_parcels
from plausibrain.generation.norms import draw_subjects, draw_volumes
from plausibrain.generation.simulator.subject import Grid, simulate_subject

TARGET = Path(__file__).parents[1] / "reports" / "data" / "atlas.npz"
AGE, SEED, N_SUBJECTS, PADDING = 60.0, 7, 400, 3


def atlas_labels() -> np.ndarray:
    """Return FreeSurfer labels of the brain, (I, J, K) uint8, RAS+, 1 mm; 0 outside it."""
    volumes = draw_volumes(draw_subjects(N_SUBJECTS, seed=SEED), seed=SEED).mean()
    labels = simulate_subject(0, volumes, age=AGE, seed=SEED, grid=Grid(1.0)).labels.data
    brain = [s.index for s in STRUCTURES if s.atlas != "dk" and 0 < s.index < 256]
    brain_labels = np.where(np.isin(labels, brain), labels, 0).astype(np.uint8)
    voxels = np.argwhere(brain_labels)
    low, high = voxels.min(axis=0) - PADDING, voxels.max(axis=0) + PADDING + 1
    box = tuple(slice(max(a, 0), b) for a, b in zip(low, high, strict=True))
    return brain_labels[box]


def parcel_places(labels: np.ndarray) -> np.ndarray:
    """Return the place of every voxel's parcel among the 68, from 1; 0 outside the cortex, (I, J, K)."""
    parcels = with_parcels(LabelMap(labels, np.eye(4))).data
    places = np.zeros(labels.shape, np.uint8)
    for place, name in enumerate(names("dk"), 1):
        places[parcels == structure(name).index] = place
    return places


def main() -> None:
    """Write the atlas."""
    TARGET.parent.mkdir(exist_ok=True)
    labels = atlas_labels()
    np.savez_compressed(TARGET, labels=labels, parcels=parcel_places(labels))


if __name__ == "__main__":
    main()
