"""Make ``generation/data/centroids.tsv``: ``python -m makers.atlas_centroids``.

The centres of deep structures are averaged over simulated adults, made symmetric, and moved rigidly so that
six pairs of nuclei lie nearest to their centres in the automated anatomical labelling atlas of MNI space.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.cohorts.rigid import fit_rigid
from plausibrain.cohorts.structures import structure
from plausibrain.generation.alignment import CENTROIDS_FILE, centres_of
from plausibrain.generation.norms import draw_subjects, draw_volumes
from plausibrain.generation.simulator.subject import Grid, simulate_subject

N_SUBJECTS, SEED = 40, 11
REGIONS = (
    "Thalamus", "Caudate", "Putamen", "Pallidum", "Hippocampus", "Amygdala", "Accumbens-area", "VentralDC",
    "Cerebellum-White-Matter",
)  # fmt: skip
MIDLINE = ("3rd-Ventricle", "4th-Ventricle")

#: Centres of the right nuclei in MNI space, mm: means of both sides of the labels of TzourioMazoyer2002 with
#: x mirrored. Its single subject lies up to 2 mm to the right of the midline, hence the mean.
MNI_RIGHT_MM = {
    "Hippocampus": (27.1, -20.3, -10.2),
    "Amygdala": (25.3, 0.0, -17.3),
    "Caudate": (13.2, 11.5, 9.3),
    "Putamen": (25.8, 4.4, 2.4),
    "Pallidum": (19.5, 0.1, 0.2),
    "Thalamus": (11.9, -17.6, 8.0),
}


def mean_centres() -> pd.DataFrame:
    """Return mean centres over simulated adults, made symmetric, mm of simulator space."""
    names = [f"{side}-{region}" for region in REGIONS for side in ("Left", "Right")] + list(MIDLINE)
    names_by_index = {structure(name).index: name for name in names}
    subjects = draw_subjects(N_SUBJECTS, seed=SEED)
    volumes = draw_volumes(subjects, seed=SEED)
    grid = Grid(2.0)
    heads = (
        simulate_subject(i, volumes.iloc[i], age=float(subjects["age"].iloc[i]), seed=SEED, grid=grid)
        for i in range(N_SUBJECTS)
    )
    positions = [centres_of(subject.labels, names_by_index).loc[names].to_numpy() for subject in heads]
    return _symmetric(pd.DataFrame(np.mean(positions, axis=0), index=names, columns=list("xyz")))


def _symmetric(centres: pd.DataFrame) -> pd.DataFrame:
    swap = {"Left": "Right", "Right": "Left"}
    partner = [
        "-".join([swap.get(name.split("-")[0], name.split("-")[0]), *name.split("-")[1:]])
        for name in centres.index
    ]
    return (centres + centres.loc[partner].to_numpy() * [-1, 1, 1]) / 2


def to_mni(centres: pd.DataFrame) -> pd.DataFrame:
    """Return the centres moved rigidly towards MNI space."""
    names = [f"{side}-{region}" for region in MNI_RIGHT_MM for side in ("Left", "Right")]
    right = np.array(list(MNI_RIGHT_MM.values()))
    targets = np.stack([right * [-1, 1, 1], right], axis=1).reshape(-1, 3)
    transform = fit_rigid(centres.loc[names].to_numpy(), targets)
    positions = centres.to_numpy() @ transform[:3, :3].T + transform[:3, 3]
    return pd.DataFrame(positions, index=centres.index, columns=centres.columns)


if __name__ == "__main__":
    target = Path(__file__).parent / "data" / CENTROIDS_FILE
    to_mni(mean_centres()).round(2).to_csv(target, sep="\t", index_label="structure")
