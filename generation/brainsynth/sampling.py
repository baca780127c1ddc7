"""Sampling from BrainSynth: unmask codes from noise of each sample, then decode."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from plausibrain.cohorts.arithmetic import choose_precision, exact_float32, fixed_threads
from plausibrain.cohorts.errors import DataError
from plausibrain.generation.brainsynth.autoencoder import CodeAutoencoder
from plausibrain.generation.brainsynth.masking import AbsorbingDiffusion, times_of_sampling
from plausibrain.generation.brainsynth.presets import build_networks
from plausibrain.generation.brainsynth.transformer import CodeTransformer
from plausibrain.generation.checkpoint import Checkpoint
from plausibrain.generation.ldm.sampling import SAMPLE_STREAM
from plausibrain.generation.model import ImageGrid, check_rows
from plausibrain.generation.noise import batches, generator_of
from plausibrain.generation.scaler import ConditionScaler


@dataclass(frozen=True)
class Settings:
    """How BrainSynth is sampled.

    Attributes
    ----------
    steps : int
        In which all codes are unmasked.
    temperature : float
        Divides the scores of the codes; below 1 likely codes become likelier.
    guidance : float
        1 samples as trained. Above 1 the difference that metadata make to the scores is magnified, which
        costs as much again and exaggerates their effects (Ho2022).
    precision : {"fp32", "bf16", "auto"}
        In fp32 every sample goes through the networks alone, so that its bits do not depend on the batch; in
        bf16 samples run together.
    batch_size : int
        Samples that run together in bf16.
    device : str
    threads : int
        CPU threads in fp32. Another number rounds otherwise, and one rounding can draw another code.

    Raises
    ------
    DataError
        For a precision that does not exist, or numbers out of range.
    """

    steps: int = 50
    temperature: float = 1.0
    guidance: float = 1.0
    precision: str = "fp32"
    batch_size: int = 8
    device: str = "cpu"
    threads: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", choose_precision(self.precision, self.device))
        if self.batch_size < 1 or self.threads < 1:
            raise DataError(f"expected at least 1 sample and 1 thread, got {self.batch_size}, {self.threads}")
        if not self.temperature > 0 or not self.guidance >= 0:
            raise DataError(
                f"expected a temperature above 0 and a guidance of at least 0, got {self.temperature} and "
                f"{self.guidance}"
            )

    @property
    def pinned(self) -> bool:
        """Whether the number of CPU threads is fixed."""
        return self.precision == "fp32" and torch.device(self.device).type == "cpu"

    @property
    def together(self) -> int:
        """Samples that go through a network at once."""
        return 1 if self.precision == "fp32" else self.batch_size


def draw_codes(
    transformer: CodeTransformer,
    diffusion: AbsorbingDiffusion,
    conditions: Tensor,
    generators: Sequence[torch.Generator],
    *,
    n_steps: int,
    temperature: float = 1.0,
    guidance: float = 1.0,
) -> Tensor:
    """Return codes, (n, books, i, j, k), of scaled conditions, (n, number of conditions); no mask is left.

    All noise comes from one generator per sample.
    """
    shape = (len(conditions), transformer.n_books, transformer.n_in_use)
    codes = torch.full(shape, diffusion.mask, dtype=torch.int64, device=conditions.device)
    for time, before in times_of_sampling(diffusion.n_steps, n_steps):
        scores = _guided_scores(transformer, codes, conditions, guidance)
        chances = (scores / temperature).softmax(dim=-1)
        steps = [
            diffusion.step(x, p, time, before, generator)
            for x, p, generator in zip(codes, chances, generators, strict=True)
        ]
        codes = torch.stack(steps)
    return transformer.widen(codes)


def _guided_scores(
    transformer: CodeTransformer, codes: Tensor, conditions: Tensor, guidance: float
) -> Tensor:
    scores: Tensor = transformer(codes, conditions)
    if guidance == 1:
        return scores
    untold: Tensor = transformer(codes, conditions, torch.zeros_like(conditions, dtype=torch.bool))
    return untold + guidance * (scores - untold)


@dataclass(frozen=True, eq=False)
class BrainSynth:
    """A trained BrainSynth, ready to sample; a `plausibrain.generation.model.Model`.

    Attributes
    ----------
    name : str
    grid : ImageGrid
    checkpoint_hash : str
    scaler : ConditionScaler
    autoencoder : CodeAutoencoder
    transformer : CodeTransformer
    diffusion : AbsorbingDiffusion
    settings : Settings
    """

    name: str
    grid: ImageGrid
    checkpoint_hash: str
    scaler: ConditionScaler
    autoencoder: CodeAutoencoder
    transformer: CodeTransformer
    diffusion: AbsorbingDiffusion
    settings: Settings

    @property
    def conditions(self) -> tuple[str, ...]:
        """Columns that `sample` needs."""
        return self.scaler.columns

    @property
    def description(self) -> Mapping[str, Any]:
        """Everything that changes an image beside the checkpoint, for ``GeneratedBy``."""
        settings = self.settings
        return {
            "scheduler": "absorbing",
            "steps": settings.steps,
            "temperature": settings.temperature,
            "guidance": settings.guidance,
            "precision": settings.precision,
            **({"threads": settings.threads} if settings.pinned else {}),
        }

    def sample(self, rows: pd.DataFrame, seeds: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield one image per row; see `plausibrain.generation.model.Model.sample`."""
        check_rows(rows, seeds, self.conditions)
        conditions = torch.from_numpy(self.scaler(rows)).to(self.settings.device)
        for part in batches(len(rows), self.settings.together):
            codes = self.draw(conditions[part], seeds[part])
            for code, condition in zip(codes, conditions[part], strict=True):
                yield self.image(code[None], condition[None])

    @torch.inference_mode()
    def draw(self, conditions: Tensor, seeds: Sequence[int]) -> Tensor:
        """Return codes, (n, books, i, j, k), of scaled conditions; each from its own seed."""
        generators = [generator_of(seed, SAMPLE_STREAM) for seed in seeds]
        with self._threads(), self._precision():
            return draw_codes(
                self.transformer, self.diffusion, conditions, generators,
                n_steps=self.settings.steps, temperature=self.settings.temperature,
                guidance=self.settings.guidance,
            )  # fmt: skip

    @torch.inference_mode()
    def image(self, codes: Tensor, conditions: Tensor) -> np.ndarray:
        """Return the image of one sample's codes, (I, J, K), float32."""
        with self._threads(), self._precision():
            output = self.autoencoder.decode(codes, conditions)
        data: np.ndarray = output[0, 0].float().cpu().numpy()
        return data

    def _threads(self) -> Any:
        return fixed_threads(self.settings.threads) if self.settings.pinned else nullcontext()

    def _precision(self) -> Any:
        if self.settings.precision == "fp32":
            return exact_float32()
        return torch.autocast(torch.device(self.settings.device).type, torch.bfloat16)


def from_checkpoint(checkpoint: Checkpoint, settings: Settings) -> BrainSynth:
    """Return the model of a checkpoint, on its device.

    Raises
    ------
    DataError
        When weights, architecture, grid and settings do not fit each other.
    """
    networks = checkpoint.build(build_networks)
    checkpoint.require_conditions(int(checkpoint.architecture["transformer"]["n_conditions"]))
    for network in networks.values():
        network.to(settings.device)
    autoencoder = cast(CodeAutoencoder, networks["autoencoder"])
    transformer = cast(CodeTransformer, networks["transformer"])
    if autoencoder.shape != checkpoint.grid.shape:
        raise DataError(
            f"the architecture makes {autoencoder.shape} voxels, the grid of the checkpoint has "
            f"{checkpoint.grid.shape}; train or fetch it again"
        )
    diffusion = AbsorbingDiffusion(int(checkpoint.architecture["n_times"]), transformer.mask)
    times_of_sampling(diffusion.n_steps, settings.steps)
    return BrainSynth(
        checkpoint.model, checkpoint.grid, checkpoint.hash, checkpoint.scaler, autoencoder, transformer,
        diffusion, settings,
    )  # fmt: skip
