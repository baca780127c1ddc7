"""Sizes of latent diffusion models: as published, and small enough for one CPU core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.ldm.schedule import Schedule
from plausibrain.generation.training.task import Request, StagePlan

AUTOENCODER, DIFFUSION = "autoencoder", "diffusion"


@dataclass(frozen=True)
class Weighting:
    """Weights of the autoencoder's losses, beside 1 for L1.

    Attributes
    ----------
    perceptual, adversarial, kl : float
    adversarial_from : float
        Share of the steps after which the adversary takes part.
    balanced : bool
        Whether the adversary's weight is a share of what L1 and the perceptual term together pull at the last
        layer (Esser2021, equation 7), rather than a constant.
    """

    perceptual: float = 0.05
    adversarial: float = 0.01
    kl: float = 1e-6
    adversarial_from: float = 0.3
    balanced: bool = False


@dataclass(frozen=True)
class Preset:
    """Everything that one size of the model needs.

    Attributes
    ----------
    fold : int
        As in `FoldedAutoencoder`.
    autoencoder, unet : mapping
        Arguments of MONAI's networks; channels in and out of the U-Net are added.
    schedule : Schedule
    plans : tuple of StagePlan
    rates : mapping of str to float
        Learning rate of each stage.
    adversary_channels : int
        Of the first layer of the patch discriminator.
    weighting : Weighting
    recomputed : bool
        Whether the autoencoder keeps the inputs of its blocks alone in training, which takes a third more
        time and a small part of the memory.
    detail : mapping of str to int, optional
        Arguments of `plausibrain.generation.ldm.detail.DetailLayers` behind the decoder; none without it.
    """

    fold: int
    autoencoder: Mapping[str, Any]
    unet: Mapping[str, Any]
    schedule: Schedule
    plans: tuple[StagePlan, ...]
    rates: Mapping[str, float]
    adversary_channels: int = 16
    weighting: Weighting = Weighting()
    recomputed: bool = False
    detail: Mapping[str, int] | None = None


#: Pinaya2022 and the released bundle: every size is theirs. Steps, weights of losses and learning rates are
#: ours.
PUBLISHED = Preset(
    fold=1,
    autoencoder={
        "channels": [64, 128, 128, 128], "latent_channels": 3, "num_res_blocks": 2, "norm_num_groups": 32,
        "attention_levels": [False, False, False, False],
    },
    unet={
        "channels": [256, 512, 768], "num_res_blocks": 2, "norm_num_groups": 32,
        "attention_levels": [False, True, True], "num_head_channels": [0, 512, 768],
    },
    schedule=Schedule(),
    plans=(
        StagePlan(AUTOENCODER, steps=100_000, batch_size=8, accumulate=8, warm_up=1000),
        StagePlan(DIFFUSION, steps=300_000, batch_size=32, averaging=0.9999, warm_up=1000),
    ),
    rates={AUTOENCODER: 5e-5, DIFFUSION: 2.5e-5},
    adversary_channels=64,
    recomputed=True,
)  # fmt: skip

#: For 80 x 96 x 80 voxels of 2 mm on a GPU for some twenty minutes: the published design with fewer channels.
#: Blocks of 2 x 2 x 2 voxels are channels, so latents are 20 x 24 x 20.
SMALL = Preset(
    fold=2,
    autoencoder={
        "channels": [64, 128], "latent_channels": 8, "num_res_blocks": 2, "norm_num_groups": 16,
        "attention_levels": [False, False],
    },
    unet={
        "channels": [96, 128, 128], "num_res_blocks": 1, "norm_num_groups": 16, "resblock_updown": False,
        "attention_levels": [False, True, True], "num_head_channels": [0, 32, 32],
        "use_flash_attention": True,
    },
    schedule=Schedule(prediction="v_prediction", zero_terminal=True, spacing="trailing"),
    plans=(
        StagePlan(AUTOENCODER, steps=6000, batch_size=4, averaging=0.998, warm_up=100, fall=0.4),
        StagePlan(DIFFUSION, steps=20_000, batch_size=16, averaging=0.999, warm_up=200, fall=0.6),
    ),
    rates={AUTOENCODER: 3e-4, DIFFUSION: 3e-4},
    adversary_channels=32,
    weighting=Weighting(perceptual=0.2, adversarial=0.25, kl=1e-7, adversarial_from=0.15, balanced=True),
    detail={"width": 64, "channels": 16},
)  # fmt: skip

#: For tests: 16 x 16 x 16 voxels or so.
TINY = Preset(
    fold=2,
    autoencoder={
        "channels": [8, 8], "latent_channels": 2, "num_res_blocks": 1, "norm_num_groups": 4,
        "attention_levels": [False, False],
    },
    unet={
        "channels": [8, 8], "num_res_blocks": 1, "norm_num_groups": 4,
        "attention_levels": [False, True], "num_head_channels": [0, 8],
    },
    schedule=Schedule(prediction="v_prediction", zero_terminal=True, spacing="trailing"),
    plans=(
        StagePlan(AUTOENCODER, steps=4, batch_size=2, accumulate=2, averaging=0.9, warm_up=1),
        StagePlan(DIFFUSION, steps=4, batch_size=2, averaging=0.9, warm_up=1),
    ),
    rates={AUTOENCODER: 1e-3, DIFFUSION: 1e-3},
    adversary_channels=4,
    detail={"width": 8, "channels": 4},
)  # fmt: skip

PRESETS = {"published": PUBLISHED, "small": SMALL, "tiny": TINY}


def preset_of(request: Request) -> Preset:
    """Return the preset that a request names; `DataError` if there is none."""
    if request.preset not in PRESETS:
        raise DataError(f"ldm has no preset {request.preset!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[request.preset]


def architecture_of(preset: Preset, n_conditions: int, shape: Sequence[int]) -> dict[str, Any]:
    """Return what `plausibrain.generation.ldm.build.build_networks` needs for images of a shape, as data."""
    latents = int(preset.autoencoder["latent_channels"])
    channels = {
        "in_channels": latents + n_conditions,
        "out_channels": latents,
        "cross_attention_dim": n_conditions,
    }
    return {
        "fold": preset.fold,
        **({} if preset.detail is None else {"detail": dict(preset.detail)}),
        "autoencoder": dict(preset.autoencoder),
        "unet": {**preset.unet, **channels},
        "schedule": preset.schedule.as_data(),
    }
