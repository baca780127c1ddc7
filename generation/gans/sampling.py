"""Sampling from an adversarial model: noise and conditions through the generator, once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import torch

from plausibrain.cohorts.arithmetic import exact_float32
from plausibrain.cohorts.errors import DataError
from plausibrain.generation.checkpoint import Checkpoint
from plausibrain.generation.gans.presets import build_generator
from plausibrain.generation.ldm.sampling import SAMPLE_STREAM
from plausibrain.generation.model import ImageGrid, check_rows
from plausibrain.generation.networks.volume_generator import VolumeGenerator
from plausibrain.generation.noise import generator_of, noise_like
from plausibrain.generation.scaler import ConditionScaler


@dataclass(frozen=True, eq=False)
class AdversarialModel:
    """A trained generator, a `plausibrain.generation.model.Model`.

    Every sample goes through it alone, in fp32.

    Attributes
    ----------
    name : str
    grid : ImageGrid
    checkpoint_hash : str
    scaler : ConditionScaler
    generator : VolumeGenerator
    truncation : float
        Factor on the noise; below 1 images are more alike and closer to the average.
    device : str
    """

    name: str
    grid: ImageGrid
    checkpoint_hash: str
    scaler: ConditionScaler
    generator: VolumeGenerator
    truncation: float = 1.0
    device: str = "cpu"

    @property
    def conditions(self) -> tuple[str, ...]:
        """Columns that `sample` needs."""
        return self.scaler.columns

    @property
    def description(self) -> Mapping[str, Any]:
        """Everything that changes an image beside the checkpoint, for ``GeneratedBy``."""
        return {"steps": 1, "precision": "fp32", "truncation": self.truncation}

    def sample(self, rows: pd.DataFrame, seeds: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield one image per row; see `plausibrain.generation.model.Model.sample`."""
        check_rows(rows, seeds, self.conditions)
        for condition, seed in zip(torch.from_numpy(self.scaler(rows)), seeds, strict=True):
            yield self._image(condition[None].to(self.device), seed)

    @torch.inference_mode()
    def _image(self, condition: torch.Tensor, seed: int) -> np.ndarray:
        noise = noise_like((self.generator.n_latent,), [generator_of(seed, SAMPLE_STREAM)])
        with exact_float32():
            image = self.generator((self.truncation * noise).to(self.device), condition)
        data: np.ndarray = image[0, 0].cpu().numpy()
        return data


def from_checkpoint(checkpoint: Checkpoint, *, truncation: float, device: str) -> AdversarialModel:
    """Return the model of a checkpoint, on its device.

    Raises
    ------
    DataError
        When weights, architecture and grid do not fit each other, or the truncation is negative.
    """
    if truncation < 0:
        raise DataError(f"expected a truncation of 0 or more, got {truncation}")
    networks = checkpoint.build(lambda architecture: {"generator": build_generator(architecture)})
    generator = cast(VolumeGenerator, networks["generator"])
    checkpoint.require_conditions(int(checkpoint.architecture["n_conditions"]))
    if generator.shape != checkpoint.grid.shape:
        raise DataError(
            f"the architecture makes {generator.shape} voxels, the grid of the checkpoint has "
            f"{checkpoint.grid.shape}; train or fetch it again"
        )
    return AdversarialModel(
        checkpoint.model, checkpoint.grid, checkpoint.hash, checkpoint.scaler, generator.to(device),
        truncation, device,
    )  # fmt: skip
