"""The picture of ``docs/models_scores.md``: the same three subjects as every model draws them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

from plausibrain.cohorts.bids import image_path
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.volumes import read_volume

N_SUBJECTS = 3
#: Slices through the middle third of the field of view: share of the size along J and K.
CORONAL, AXIAL = 0.5, 0.53


def draw_examples(folders: Mapping[str, Path], asked: Cohort, out: Path) -> Path:
    """Draw the youngest, the median and the oldest subject, one row each, one column per model.

    Parameters
    ----------
    folders : mapping of str to Path
        Title of a column to its folder of images; all hold the subjects of `asked`.
    asked : Cohort
    out : Path
        PNG.
    """
    chosen = by_age(asked, N_SUBJECTS)
    figure, axes = plt.subplots(
        2 * len(chosen), len(folders), figsize=(1.7 * len(folders), 3.3 * len(chosen)), squeeze=False
    )
    for column, (title, folder) in enumerate(folders.items()):
        axes[0][column].set_title(title, fontsize=8)
        for number, row in enumerate(chosen):
            identity = str(asked.subjects["participant_id"].iloc[row])
            for axis, plane in zip(
                axes[2 * number : 2 * number + 2, column], slices(image_path(folder, identity)), strict=True
            ):
                axis.imshow(np.rot90(plane), cmap="gray", vmin=0.0, vmax=1.0)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.tight_layout(pad=0.1)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=75)
    plt.close(figure)
    return out


def by_age(subjects: Cohort, n: int) -> list[int]:
    """Return rows spread evenly over the order of age, from the youngest to the oldest."""
    order = np.argsort(subjects.subjects["age"].to_numpy(), kind="stable")
    return [int(order[k]) for k in np.linspace(0, len(order) - 1, n).round().astype(int)]


def slices(path: Path) -> Sequence[np.ndarray]:
    """Return a coronal and an axial slice of an image in atlas space."""
    data = read_volume(path).data
    return data[:, round(CORONAL * data.shape[1])], data[:, :, round(AXIAL * data.shape[2])]
