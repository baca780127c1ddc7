"""From the architecture of a checkpoint to its networks."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.ldm.networks import FoldedAutoencoder, LatentScale, build_unet
from plausibrain.generation.ldm.schedule import Schedule


def build_networks(architecture: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Return autoencoder, U-Net and latent scale of an architecture, with fresh weights.

    Raises
    ------
    DataError
        When a part is missing or no such network exists.
    """
    _require(architecture, ("fold", "autoencoder", "unet", "schedule"))
    autoencoder = FoldedAutoencoder(architecture["autoencoder"], int(architecture["fold"]))
    unet, scale = build_unet(architecture["unet"]), LatentScale(autoencoder.latent_channels)
    return {"autoencoder": autoencoder, "unet": unet, "latents": scale}


def build_schedule(architecture: Mapping[str, Any]) -> Schedule:
    """Return the noise schedule of an architecture; `DataError` when it is none."""
    _require(architecture, ("schedule",))
    try:
        return Schedule(**architecture["schedule"])
    except TypeError as error:
        raise DataError(f"the noise schedule of the architecture cannot be read ({error})") from error


def _require(architecture: Mapping[str, Any], parts: tuple[str, ...]) -> None:
    absent = [name for name in parts if name not in architecture]
    if absent:
        raise DataError(f"the architecture lacks {', '.join(absent)}; train or fetch the checkpoint again")
