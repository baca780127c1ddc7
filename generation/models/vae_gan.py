"""A conditional 3D variational autoencoder with an adversary on its images (larsen2016).

A baseline of the LDM paper's table 1 (pinaya2022). How it is built is ours: the paper does not say. What
moves it: one short vector of latents describes a whole brain, so fine detail is averaged away.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from plausibrain.generation.registry import model

if TYPE_CHECKING:
    from plausibrain.generation.model import Model
    from plausibrain.generation.training.task import Recipe, Request


def _recipe(request: "Request") -> "Recipe":
    from plausibrain.generation.gans.vae_gan import vae_gan_recipe

    return vae_gan_recipe(request)


@model(label="VAE-GAN", source=("Larsen2016", "Pinaya2022"), recipe=_recipe)
def vae_gan(checkpoint: Path, *, truncation: float = 1.0, device: str = "cpu") -> "Model":
    """Return the model that `plausibrain train --model vae_gan` has trained.

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

    return from_checkpoint(read_checkpoint(checkpoint, "vae_gan"), truncation=truncation, device=device)
