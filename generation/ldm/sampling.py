"""Sampling from a latent diffusion model: our own short loop, one noise stream per sample."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from plausibrain.cohorts.arithmetic import choose_precision, exact_float32, fixed_threads
from plausibrain.cohorts.errors import DataError
from plausibrain.generation.ldm.networks import predict
from plausibrain.generation.ldm.schedule import SAMPLERS, Schedule, timestep_pairs
from plausibrain.generation.model import ImageGrid, check_rows
from plausibrain.generation.noise import batches, generator_of, noise_like

SAMPLE_STREAM = 1
#: More threads than any machine has cores; far more crash the libraries that start them.
_MOST_THREADS = 1024


@dataclass(frozen=True)
class Settings:
    """How a latent diffusion model is sampled.

    Attributes
    ----------
    sampler : {"ddim", "ddpm"}
        DDPM takes every training step.
    steps : int
        Of DDIM.
    precision : {"fp32", "bf16", "auto"}
        In fp32 every sample goes through the networks alone, so that its bits do not depend on the batch; in
        bf16 samples run together.
    batch_size : int
        Samples that run together in bf16.
    device : str
    fast : bool
        Rearrange the U-Net's arithmetic (`plausibrain.generation.ldm.upsampling`, channels last), which
        changes rounding.
    compiled : bool
        Compile the U-Net; worth its minutes for long runs on a GPU.
    threads : int
        CPU threads in fp32. Another number rounds otherwise, so all workers of a cohort use the same.

    Raises
    ------
    DataError
        For a sampler or precision that does not exist.
    """

    sampler: str = "ddim"
    steps: int = 50
    precision: str = "fp32"
    batch_size: int = 8
    device: str = "cpu"
    fast: bool = True
    compiled: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise DataError(f"expected one of {', '.join(SAMPLERS)}, got {self.sampler!r}")
        object.__setattr__(self, "precision", choose_precision(self.precision, self.device))
        if self.batch_size < 1 or not 1 <= self.threads <= _MOST_THREADS:
            raise DataError(
                f"expected at least 1 sample and 1 to {_MOST_THREADS} threads, got {self.batch_size}, "
                f"{self.threads}"
            )

    @property
    def pinned(self) -> bool:
        """Whether the number of CPU threads is fixed."""
        return self.precision == "fp32" and torch.device(self.device).type == "cpu"

    @property
    def together(self) -> int:
        """Samples that go through a network at once."""
        return 1 if self.precision == "fp32" else self.batch_size


@dataclass(frozen=True, eq=False)
class LatentDiffusion:
    """A latent diffusion model, ready to sample; a `plausibrain.generation.model.Model`.

    Attributes
    ----------
    name : str
    conditions : tuple of str
    grid : ImageGrid
    checkpoint_hash : str
    schedule : Schedule
    settings : Settings
    unet : Module
    latent_shape : tuple of int
        Channels and sizes.
    restore : callable
        Latents as the diffusion samples them to latents as the decoder wants them.
    decode : callable
        Latents (1, C, i, j, k) to an image (1, 1, I, J, K).
    scale : callable
        Rows of a table to conditions, (n, number of conditions), float32.
    remarks : mapping
        Further entries of `description`.
    """

    name: str
    conditions: tuple[str, ...]
    grid: ImageGrid
    checkpoint_hash: str
    schedule: Schedule
    settings: Settings
    unet: nn.Module
    latent_shape: tuple[int, int, int, int]
    restore: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    scale: Callable[[pd.DataFrame], np.ndarray]
    remarks: Mapping[str, Any]

    @property
    def description(self) -> Mapping[str, Any]:
        """Scheduler, steps and precision, for ``GeneratedBy``."""
        ddim = self.settings.sampler == "ddim"
        steps = self.settings.steps if ddim else self.schedule.n_steps
        return {
            "scheduler": self.settings.sampler.upper(),
            "steps": steps,
            "precision": self.settings.precision,
            "fast": self.settings.fast,
            **({"threads": self.settings.threads} if self.settings.pinned else {}),
            **self.remarks,
        }

    def sample(self, rows: pd.DataFrame, seeds: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield one image per row; see `plausibrain.generation.model.Model.sample`."""
        check_rows(rows, seeds, self.conditions)
        conditions = torch.from_numpy(self.scale(rows)).to(self.settings.device)
        for part in batches(len(rows), self.settings.together):
            requests = conditions[part]
            for latents in self.draw_latents(requests, seeds[part]):
                yield self.image(self.restore(latents[None]))

    @torch.inference_mode()
    def draw_latents(self, conditions: Tensor, seeds: Sequence[int]) -> Tensor:
        """Return latents, (n, C, i, j, k), of scaled conditions; each from its own seed."""
        generators = [generator_of(seed, SAMPLE_STREAM) for seed in seeds]
        latents = noise_like(self.latent_shape, generators).to(self.settings.device)
        with self._threads():
            if self.settings.sampler == "ddim":
                return self._ddim(latents, conditions)
            return self._ddpm(latents, conditions, generators)

    @torch.inference_mode()
    def image(self, latents: Tensor) -> np.ndarray:
        """Return the image of one sample's restored latents, (I, J, K), float32."""
        with self._threads(), self._precision():
            output = self.decode(latents)
        data: np.ndarray = output[0, 0].float().cpu().numpy()
        return data

    def _ddim(self, latents: Tensor, conditions: Tensor) -> Tensor:
        for timestep, before in timestep_pairs(self.schedule.ddim_timesteps(self.settings.steps)):
            output = self._output(latents, timestep, conditions)
            latents = self.schedule.ddim_step(output, latents, timestep, before)
        return latents

    def _ddpm(self, latents: Tensor, conditions: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        for timestep in reversed(range(self.schedule.n_steps)):
            output = self._output(latents, timestep, conditions)
            noise = noise_like(self.latent_shape, generators).to(latents.device) if timestep else None
            latents = self.schedule.ddpm_step(output, latents, timestep, noise)
        return latents

    def _output(self, latents: Tensor, timestep: int, conditions: Tensor) -> Tensor:
        steps = torch.full((len(latents),), timestep, device=latents.device, dtype=torch.int64)
        with self._precision():
            return predict(self.unet, latents, steps, conditions).float()

    def _threads(self) -> Any:
        return fixed_threads(self.settings.threads) if self.settings.pinned else nullcontext()

    def _precision(self) -> Any:
        if self.settings.precision == "fp32":
            return exact_float32()
        return torch.autocast(torch.device(self.settings.device).type, torch.bfloat16)
