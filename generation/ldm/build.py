"""From the architecture of a checkpoint to its networks."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from plausibrain.generation.architectures import LatentDiffusionPart, check_part
from plausibrain.generation.ldm.networks import FoldedAutoencoder, LatentScale, build_unet
from plausibrain.generation.ldm.schedule import Schedule


def build_networks(architecture: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Return autoencoder, U-Net and latent scale of an architecture, with fresh weights.

    Raises
    ------
    DataError
        When a part is missing, of another type or size, or no such network exists.
    """
    check_part(LatentDiffusionPart, architecture, "the architecture of this latent diffusion model")
    autoencoder = FoldedAutoencoder(
        architecture["autoencoder"], int(architecture["fold"]), architecture.get("detail")
    )
    unet, scale = build_unet(architecture["unet"]), LatentScale(autoencoder.latent_channels)
    return {"autoencoder": autoencoder, "unet": unet, "latents": scale}


def build_schedule(architecture: Mapping[str, Any]) -> Schedule:
    """Return the noise schedule of an architecture; `DataError` when it is none."""
    check_part(LatentDiffusionPart, architecture, "the architecture of this latent diffusion model")
    return Schedule(**architecture["schedule"])
