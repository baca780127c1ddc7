"""Sizes of the adversarial models: for 1 mm on a GPU, and small enough for one CPU core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.architectures import GeneratorPart, check_part
from plausibrain.generation.networks.critic import Critic
from plausibrain.generation.networks.volume_encoder import VolumeEncoder
from plausibrain.generation.networks.volume_generator import VolumeGenerator
from plausibrain.generation.training.task import Request

STAGE = "adversarial"


@dataclass(frozen=True)
class Preset:
    """Everything that one size of an adversarial model needs.

    Attributes
    ----------
    channels : tuple of int
        Of the generator, coarse to fine; the encoder has them in reverse.
    critic_channels : tuple of int
    n_latent, width, fold : int
        As in `VolumeGenerator`.
    steps, batch_size : mapping of str to int
        By model.
    rate : float
        Learning rate of all networks.
    warm_up : int
    averaging : float
    """

    channels: tuple[int, ...]
    critic_channels: tuple[int, ...]
    n_latent: int
    width: int
    fold: int
    steps: Mapping[str, int]
    batch_size: Mapping[str, int]
    rate: float
    warm_up: int = 50
    averaging: float = 0.995

    @property
    def stride(self) -> int:
        """Voxels per coarsest cell."""
        return int(self.fold * 2 ** (len(self.channels) - 1))


PRESETS = {
    # 160 x 224 x 160 voxels of 1 mm from 5 x 7 x 5 cells. All numbers are ours: the papers that compare with
    # these models do not give theirs.
    "published": Preset(
        channels=(512, 256, 128, 64, 32), critic_channels=(32, 64, 128, 256, 512), n_latent=128, width=256,
        fold=2, steps={"lsgan": 100_000, "vae_gan": 100_000}, batch_size={"lsgan": 8, "vae_gan": 8},
        rate=1e-4, warm_up=500, averaging=0.9995,
    ),
    # 80 x 96 x 80 voxels of 2 mm from 5 x 6 x 5 cells, on a GPU.
    "small": Preset(
        channels=(160, 96, 64, 32), critic_channels=(48, 96, 192), n_latent=48, width=128, fold=2,
        steps={"lsgan": 8000, "vae_gan": 6000}, batch_size={"lsgan": 8, "vae_gan": 8},
        rate=2e-4, warm_up=100, averaging=0.998,
    ),
    # For tests: 24 x 24 x 24 voxels or so.
    "tiny": Preset(
        channels=(8, 8), critic_channels=(8, 8), n_latent=4, width=8, fold=2,
        steps={"lsgan": 4, "vae_gan": 4}, batch_size={"lsgan": 2, "vae_gan": 2},
        rate=1e-3, warm_up=1, averaging=0.9,
    ),
}  # fmt: skip


def preset_of(request: Request, model: str) -> Preset:
    """Return the preset that a request names.

    Raises
    ------
    DataError
        When there is none of that name, or it does not fit the images.
    """
    if request.preset not in PRESETS:
        raise DataError(f"{model} has no preset {request.preset!r}; choose one of {', '.join(PRESETS)}")
    preset = PRESETS[request.preset]
    if any(size % preset.stride for size in request.shape):
        raise DataError(
            f"images of {' x '.join(map(str, request.shape))} voxels do not fit preset {request.preset!r} of "
            f"{model}, whose cells have {preset.stride} voxels along each axis; choose another grid"
        )
    return preset


def architecture_of(preset: Preset, shape: Sequence[int], n_conditions: int) -> dict[str, Any]:
    """Return the arguments of `VolumeGenerator`, as data."""
    return {
        "cells": [size // preset.stride for size in shape],
        "channels": list(preset.channels),
        "n_latent": preset.n_latent,
        "n_conditions": n_conditions,
        "width": preset.width,
        "fold": preset.fold,
    }


def build_generator(architecture: Mapping[str, Any]) -> VolumeGenerator:
    """Return a generator with fresh weights; `DataError` when the architecture is none."""
    check_part(GeneratorPart, architecture, "the architecture of this generator")
    try:
        return VolumeGenerator(**architecture)
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise DataError(
            f"the architecture is none that a generator can have ({error}); train or fetch the checkpoint "
            "again"
        ) from error


def build_critic(preset: Preset, shape: Sequence[int], n_conditions: int) -> Critic:
    """Return a critic with fresh weights."""
    return Critic(shape, preset.critic_channels, n_conditions, preset.fold)


def build_encoder(preset: Preset, shape: Sequence[int], n_conditions: int) -> VolumeEncoder:
    """Return an encoder with fresh weights."""
    cells = [size // preset.stride for size in shape]
    return VolumeEncoder(cells, preset.channels[::-1], preset.n_latent, n_conditions, preset.fold)
