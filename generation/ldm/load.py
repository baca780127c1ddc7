"""A latent diffusion model from a checkpoint of our own training."""

from typing import cast

from plausibrain.generation.checkpoint import Checkpoint
from plausibrain.generation.ldm.build import build_networks, build_schedule
from plausibrain.generation.ldm.decoding import decoder_for
from plausibrain.generation.ldm.fast import speed_up
from plausibrain.generation.ldm.networks import FoldedAutoencoder, LatentScale
from plausibrain.generation.ldm.sampling import LatentDiffusion, Settings


def from_checkpoint(checkpoint: Checkpoint, settings: Settings) -> LatentDiffusion:
    """Return the model of a checkpoint, on its device.

    Raises
    ------
    DataError
        When weights and architecture do not fit each other.
    """
    networks = checkpoint.build(build_networks)
    checkpoint.require_conditions(int(checkpoint.architecture["unet"]["cross_attention_dim"]))
    for network in networks.values():
        network.to(settings.device)
    autoencoder = cast(FoldedAutoencoder, networks["autoencoder"])
    latents = cast(LatentScale, networks["latents"])
    schedule = build_schedule(checkpoint.architecture)
    return LatentDiffusion(
        name=checkpoint.model,
        conditions=checkpoint.scaler.columns,
        grid=checkpoint.grid,
        checkpoint_hash=checkpoint.hash,
        schedule=schedule,
        settings=settings,
        unet=speed_up(networks["unet"], settings),
        latent_shape=autoencoder.latent_shape(checkpoint.grid.shape),
        restore=latents.restore,
        decode=decoder_for(autoencoder, checkpoint.grid.shape),
        scale=checkpoint.scaler,
        remarks={},
    )
