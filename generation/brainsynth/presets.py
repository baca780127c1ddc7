"""Sizes of BrainSynth: for whole images at 1 mm on a GPU, and for one CPU core. All numbers are ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.architectures import BrainSynthPart, check_part
from plausibrain.generation.brainsynth.autoencoder import CodeAutoencoder
from plausibrain.generation.brainsynth.transformer import CodeTransformer
from plausibrain.generation.training.task import Request, StagePlan

AUTOENCODER, DIFFUSION = "autoencoder", "diffusion"


@dataclass(frozen=True)
class Weighting:
    """Weights of the losses, and how often metadata are masked.

    Attributes
    ----------
    perceptual, adversarial, commitment : float
        Beside 1 for L1.
    adversarial_from : float
        Share of the steps after which the adversary takes part.
    untold : float
        Chance that all conditions of an example are masked in the diffusion's training.
    """

    perceptual: float = 0.05
    adversarial: float = 0.01
    commitment: float = 0.05
    adversarial_from: float = 0.4
    untold: float = 0.1


@dataclass(frozen=True)
class Preset:
    """Everything that one size of the model needs.

    Attributes
    ----------
    autoencoder, transformer : mapping
        Arguments of `CodeAutoencoder` and `CodeTransformer`; grid, conditions and codes are added.
    n_times : int
        Steps of the diffusion, T.
    plans : tuple of StagePlan
    rates : mapping of str to float
        Learning rate of each stage.
    adversary_channels : int
        Of the first layer of the patch discriminator.
    weighting : Weighting
    """

    autoencoder: Mapping[str, Any]
    transformer: Mapping[str, Any]
    n_times: int
    plans: tuple[StagePlan, ...]
    rates: Mapping[str, float]
    adversary_channels: int = 16
    weighting: Weighting = Weighting()

    @property
    def stride(self) -> int:
        """Voxels per cell of the grid of codes."""
        return int(self.autoencoder["edge"] * 2 ** (len(self.autoencoder["channels"]) - 1))


#: 160 x 224 x 160 voxels of 1 mm become 10 x 14 x 10 cells of 16 mm (the grid of Tudosiu2024).
PUBLISHED = Preset(
    autoencoder={
        "channels": [64, 128, 256, 256], "n_books": 4, "n_codes": 1024, "code_width": 16, "edge": 2,
        "groups": 32,
    },
    transformer={"width": 512, "depth": 16, "n_heads": 8},
    n_times=1000,
    plans=(
        StagePlan(AUTOENCODER, steps=100_000, batch_size=8, accumulate=4, warm_up=1000),
        StagePlan(DIFFUSION, steps=200_000, batch_size=32, averaging=0.9999, warm_up=1000),
    ),
    rates={AUTOENCODER: 1e-4, DIFFUSION: 2e-4},
    adversary_channels=64,
)  # fmt: skip

#: For 80 x 96 x 80 voxels of 2 mm on a GPU: 20 x 24 x 20 cells of 8 mm, eight of them a token.
SMALL = Preset(
    autoencoder={
        "channels": [48, 96], "n_books": 3, "n_codes": 256, "code_width": 8, "edge": 2, "groups": 16,
    },
    transformer={"width": 192, "depth": 6, "n_heads": 6, "patch": 2},
    n_times=1000,
    plans=(
        StagePlan(AUTOENCODER, steps=2000, batch_size=8, averaging=0.995, warm_up=100),
        StagePlan(DIFFUSION, steps=10_000, batch_size=16, averaging=0.999, warm_up=200),
    ),
    rates={AUTOENCODER: 5e-4, DIFFUSION: 5e-4},
    adversary_channels=32,
)  # fmt: skip

#: For tests: 24 x 24 x 24 voxels or so.
TINY = Preset(
    autoencoder={
        "channels": [4, 8], "n_books": 2, "n_codes": 6, "code_width": 2, "edge": 2, "groups": 2,
    },
    transformer={"width": 8, "depth": 1, "n_heads": 2},
    n_times=10,
    plans=(
        StagePlan(AUTOENCODER, steps=4, batch_size=2, accumulate=2, averaging=0.9, warm_up=1),
        StagePlan(DIFFUSION, steps=4, batch_size=2, averaging=0.9, warm_up=1),
    ),
    rates={AUTOENCODER: 1e-3, DIFFUSION: 1e-3},
    adversary_channels=4,
)  # fmt: skip

PRESETS = {"published": PUBLISHED, "small": SMALL, "tiny": TINY}


def preset_of(request: Request) -> Preset:
    """Return the preset that a request names; `DataError` if there is none."""
    if request.preset not in PRESETS:
        raise DataError(f"brainsynth has no preset {request.preset!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[request.preset]


def architecture_of(preset: Preset, shape: Sequence[int], n_conditions: int) -> dict[str, Any]:
    """Return what `build_networks` needs, as data.

    Raises
    ------
    DataError
        When a size of the images is no multiple of the stride.
    """
    if any(size % preset.stride for size in shape):
        raise DataError(
            f"images of {' x '.join(map(str, shape))} voxels do not fit an autoencoder with stride "
            f"{preset.stride}; choose another grid"
        )
    facts = {"cells": [size // preset.stride for size in shape], "n_conditions": n_conditions}
    books = {name: preset.autoencoder[name] for name in ("n_books", "n_codes")}
    return {
        "autoencoder": {**preset.autoencoder, **facts},
        "transformer": {**preset.transformer, **facts, **books},
        "n_times": preset.n_times,
    }


def build_networks(architecture: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Return autoencoder and transformer of an architecture, with fresh weights.

    Raises
    ------
    DataError
        When a part is missing or no such network exists.
    """
    check_part(BrainSynthPart, architecture, "the architecture of this BrainSynth")
    try:
        return {
            "autoencoder": CodeAutoencoder(**architecture["autoencoder"]),
            "transformer": CodeTransformer(**architecture["transformer"]),
        }
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"the architecture is none that BrainSynth can have ({error}); train or fetch "
            "the checkpoint again"
        ) from error
