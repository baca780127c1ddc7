"""A conditional 3D generative adversarial network with least-squares losses (mao2017).

A baseline of the LDM paper's table 1 (pinaya2022), where its images were nearly identical to each other. How
it is built is ours: the paper does not say. What moves it: adversarial training collapses easily; look at the
diversity in the training page and at question 8.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from plausibrain.generation.registry import model

if TYPE_CHECKING:
    from plausibrain.generation.model import Model
    from plausibrain.generation.training.task import Recipe, Request


def _recipe(request: "Request") -> "Recipe":
    from plausibrain.generation.gans.lsgan import lsgan_recipe

    return lsgan_recipe(request)


@model(label="LSGAN", source=("Mao2017", "Pinaya2022"), recipe=_recipe)
def lsgan(checkpoint: Path, *, truncation: float = 1.0, device: str = "cpu") -> "Model":
    """Return the model that `plausibrain train --model lsgan` has trained.

    Parameters
    ----------
    checkpoint : Path
        Folder of the checkpoint.
    truncation : float
        Factor on the noise; below 1 images are more alike.
    device : str

    Returns
    -------
    Model

    Raises
    ------
    DataError
        When the checkpoint is broken or of another model.
    """
    from plausibrain.generation.checkpoint import read_checkpoint
    from plausibrain.generation.gans.sampling import from_checkpoint

    return from_checkpoint(read_checkpoint(checkpoint, "lsgan"), truncation=truncation, device=device)
