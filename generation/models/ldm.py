"""Latent diffusion of brain images (Pinaya2022): an autoencoder, and a conditional U-Net on its latents.

Sex, age, ventricle volume and brain volume, or any columns of the table of subjects, reach the U-Net twice:
as constant channels beside the latents and through cross-attention. What moves it: the autoencoder limits
fine detail; conditions outside the training range are extrapolated, not refused.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from plausibrain.generation.registry import model

if TYPE_CHECKING:
    from plausibrain.generation.model import Model
    from plausibrain.generation.training.task import Recipe, Request


def _recipe(request: "Request") -> "Recipe":
    from plausibrain.generation.ldm.training import LatentDiffusionRecipe

    return LatentDiffusionRecipe(request)


@model(label="Latent diffusion", source=("Pinaya2022",), recipe=_recipe)
def ldm(
    checkpoint: Path,
    *,
    sampler: str = "ddim",
    steps: int = 20,
    precision: str = "fp32",
    device: str = "cpu",
    batch_size: int = 8,
    fast: bool = True,
    compiled: bool = False,
    threads: int = 1,
) -> "Model":
    """Return a latent diffusion model that `plausibrain train --model ldm` has trained.

    Parameters
    ----------
    checkpoint : Path
        Folder of the checkpoint.
    sampler : {"ddim", "ddpm"}
        DDPM takes all 1000 steps.
    steps : int
        Of DDIM.
    precision : {"fp32", "bf16", "auto"}
        bf16 is faster where samples run together; only fp32 gives the same bits whatever the batch.
    device : str
    batch_size : int
        Samples that run together in bf16.
    fast : bool
        Rearrange the arithmetic; equal up to rounding.
    compiled : bool
        Compile the U-Net; worth its minutes for long runs on a GPU.
    threads : int
        CPU threads in fp32; the same for all workers of a cohort, because it decides the last bits.

    Returns
    -------
    Model

    Raises
    ------
    DataError
        When the checkpoint is broken or of another model.
    """
    from plausibrain.generation.checkpoint import read_checkpoint
    from plausibrain.generation.ldm.load import from_checkpoint
    from plausibrain.generation.ldm.sampling import Settings

    settings = Settings(sampler, int(steps), precision, int(batch_size), device, fast, compiled, int(threads))
    return from_checkpoint(read_checkpoint(checkpoint, "ldm"), settings)
