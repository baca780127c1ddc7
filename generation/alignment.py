"""Rigid alignment of a head to atlas space, from the centres of its segmented structures: closed form.

Atlas space is the simulator's mean anatomy, turned and moved rigidly (``generation/data/centroids.tsv``) so
that six pairs of deep nuclei lie nearest to their places in MNI space. Nothing is scaled: head size stays.
"""

from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.label_centres import label_centres
from plausibrain.cohorts.rigid import Points, fit_rigid
from plausibrain.cohorts.structures import structure
from plausibrain.cohorts.volumes import LabelMap

CENTROIDS_FILE = "centroids.tsv"
MIN_STRUCTURES = 6


def rigid_to_atlas(labels: LabelMap) -> Points:
    """Return the rigid transform from world mm of a label map to atlas mm, (4, 4).

    Parameters
    ----------
    labels : LabelMap
        FreeSurfer ids; at least six of the structures of the atlas.

    Returns
    -------
    ndarray, (4, 4)
        Rotation and translation that bring the centres of the structures nearest to those of the atlas, in
        least squares.

    Raises
    ------
    DataError
        When too few structures are there.
    """
    atlas = atlas_centroids()
    own = centroids(labels)
    names = [name for name in atlas.index if name in own.index]
    if len(names) < MIN_STRUCTURES:
        raise DataError(
            f"expected at least {MIN_STRUCTURES} of the structures {', '.join(atlas.index)}; the label map "
            f"has {len(names)}; segment the image with FreeSurfer ids first"
        )
    return fit_rigid(own.loc[names].to_numpy(), atlas.loc[names].to_numpy())


def centroids(labels: LabelMap) -> pd.DataFrame:
    """Return the centre of every structure of the atlas that a label map has: columns x, y, z, world mm."""
    names_by_index = {structure(name).index: name for name in atlas_centroids().index}
    return centres_of(labels, names_by_index)


def centres_of(labels: LabelMap, names: dict[int, str]) -> pd.DataFrame:
    """Return the centre of each label, world mm; columns x, y, z, rows by name, absent labels left out."""
    places = label_centres(labels, names)
    present = [index for index in names if index in places]
    rows = np.array([places[index] for index in present]).reshape(-1, 3)
    return pd.DataFrame(rows, index=[names[index] for index in present], columns=list("xyz"))


@cache
def atlas_centroids() -> pd.DataFrame:
    """Return the centre of each structure in atlas space: columns x, y, z, mm, RAS+; rows by name."""
    source = resources.files("plausibrain.generation") / "data" / CENTROIDS_FILE
    with resources.as_file(source) as path:
        return pd.read_csv(path, sep="\t", index_col="structure")
