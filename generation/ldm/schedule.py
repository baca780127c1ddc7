"""The noise schedule of a diffusion model, and one step of each sampler.

The samplers follow Ho2020 (DDPM) and Song2021 (DDIM without noise, eta = 0). Arithmetic is float32 in
the order of operations that MONAI's schedulers have, so that both agree to the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from plausibrain.cohorts.errors import DataError

PREDICTIONS = ("epsilon", "v_prediction")
SCHEDULES = ("scaled_linear", "linear")
SAMPLERS = ("ddim", "ddpm")
SPACINGS = ("leading", "trailing")


@dataclass(frozen=True)
class Schedule:
    """Betas of the forward process and what the network predicts.

    Attributes
    ----------
    n_steps : int
        Steps of the forward process.
    beta_start, beta_end : float
    schedule : {"scaled_linear", "linear"}
        Whether the square roots of the betas, or the betas, are spaced evenly.
    prediction : {"epsilon", "v_prediction"}
    zero_terminal : bool
        Whether the signal is gone at the last step, after Lin2024, algorithm 1. Otherwise a hundredth of it
        is left there, from which a network reads the size of a head, and samples, which start from noise,
        shrink towards the mean whatever they are asked for. Needs the velocity as prediction.
    spacing : {"leading", "trailing"}
        Which steps DDIM takes: as the published checkpoint was released, or from the last one down.

    Raises
    ------
    DataError
        For values that make no schedule.
    """

    n_steps: int = 1000
    beta_start: float = 0.0015
    beta_end: float = 0.0205
    schedule: str = "scaled_linear"
    prediction: str = "epsilon"
    zero_terminal: bool = False
    spacing: str = "leading"

    def __post_init__(self) -> None:
        is_valid = self.schedule in SCHEDULES and self.prediction in PREDICTIONS and self.spacing in SPACINGS
        if self.zero_terminal and self.prediction == "epsilon":
            raise DataError(
                "the noise is no prediction where no signal is left; expected prediction v_prediction with "
                "zero_terminal"
            )
        if not is_valid or not 0 < self.beta_start < self.beta_end < 1 or self.n_steps < 2:
            raise DataError(
                f"no noise schedule: {self}; expected 0 < beta_start < beta_end < 1, a schedule of "
                f"{', '.join(SCHEDULES)} and a prediction of {', '.join(PREDICTIONS)}"
            )

    def as_data(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return {
            "n_steps": self.n_steps,
            "beta_start": self.beta_start,
            "beta_end": self.beta_end,
            "schedule": self.schedule,
            "prediction": self.prediction,
            "zero_terminal": self.zero_terminal,
            "spacing": self.spacing,
        }

    @cached_property
    def betas(self) -> Tensor:
        """Variance added by each step, (n_steps,)."""
        power = 0.5 if self.schedule == "scaled_linear" else 1.0
        ends = self.beta_start**power, self.beta_end**power
        even = torch.linspace(*ends, self.n_steps, dtype=torch.float32)
        betas = even**2 if self.schedule == "scaled_linear" else even
        return without_signal_at_end(betas) if self.zero_terminal else betas

    @cached_property
    def alphas(self) -> Tensor:
        """One minus the betas."""
        return 1.0 - self.betas

    @cached_property
    def kept(self) -> Tensor:
        """Share of the clean signal's variance that is left after each step, (n_steps,)."""
        return torch.cumprod(self.alphas, dim=0)

    def kept_before(self, timestep: int) -> Tensor:
        """Return `kept` at a timestep, 1 before the first."""
        return self.kept[timestep] if timestep >= 0 else torch.ones(())

    def noisy(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return clean latents with noise, (B, …), each at its timestep, (B,)."""
        signal, spread = self.scales(clean, timesteps)
        return signal * clean + spread * noise

    def target(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return what the network shall predict: the noise, or the velocity of Salimans2022."""
        if self.prediction == "epsilon":
            return noise
        signal, spread = self.scales(clean, timesteps)
        return signal * noise - spread * clean

    def clean_and_noise(self, output: Tensor, latents: Tensor, timestep: int) -> tuple[Tensor, Tensor]:
        """Return the clean latents and the noise that a prediction implies."""
        signal = self.kept[timestep].to(latents.device)
        spread = 1 - signal
        if self.prediction == "epsilon":
            return (latents - (spread**0.5) * output) / (signal**0.5), output
        clean = (signal**0.5) * latents - (spread**0.5) * output
        return clean, (signal**0.5) * output + (spread**0.5) * latents

    def ddim_step(self, output: Tensor, latents: Tensor, timestep: int, before: int) -> Tensor:
        """Return the latents one DDIM step earlier (Song2021, eq. 12 with sigma = 0)."""
        clean, noise = self.clean_and_noise(output, latents, timestep)
        signal = self.kept_before(before).to(latents.device)
        direction = (1 - signal) ** 0.5 * noise
        return signal**0.5 * clean + direction

    def ddpm_step(self, output: Tensor, latents: Tensor, timestep: int, noise: Tensor | None) -> Tensor:
        """Return the latents one step earlier (Ho2020, eq. 7); `noise` is None for the last step."""
        clean, _ = self.clean_and_noise(output, latents, timestep)
        signal, earlier = (
            x.to(latents.device) for x in (self.kept[timestep], self.kept_before(timestep - 1))
        )
        beta = self.betas[timestep].to(latents.device)
        of_clean = (earlier**0.5 * beta) / (1 - signal)
        of_latents = self.alphas[timestep].to(latents.device) ** 0.5 * (1 - earlier) / (1 - signal)
        mean = of_clean * clean + of_latents * latents
        if noise is None:
            return mean
        variance = torch.clamp((1 - earlier) / (1 - signal) * beta, min=1e-20)
        return mean + (variance**0.5) * noise

    def ddim_timesteps(self, n_steps: int) -> list[int]:
        """Return the timesteps of DDIM in the spacing of this schedule, from noisy to clean."""
        return ddim_timesteps(self.n_steps, n_steps, spacing=self.spacing)

    def scales(self, like: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """Return what clean latents, (B, …), and noise are multiplied by at timesteps; (B, 1, …) both."""
        signal = self.kept.to(like.device)[timesteps].view(-1, *[1] * (like.dim() - 1))
        return signal**0.5, (1 - signal) ** 0.5


def without_signal_at_end(betas: Tensor) -> Tensor:
    """Return betas after which nothing of the signal is left; the first stays (Lin2024, algorithm 1)."""
    root = torch.cumprod(1.0 - betas.double(), dim=0).sqrt()
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    signal = root**2
    return (1.0 - torch.cat((signal[:1], signal[1:] / signal[:-1]))).float()


def ddim_timesteps(n_train: int, n_steps: int, *, spacing: str = "leading") -> list[int]:
    """Return the timesteps of DDIM, from noisy to clean: multiples of ``n_train // n_steps``, or trailing.

    Raises
    ------
    DataError
        When there are more steps than the model was trained with.

    Notes
    -----
    This is the spacing with which the published checkpoint was released: 50 steps of 1000 are 980, 960, …, 0.
    MONAI changed its own later (1.6: 999, 979, 958, …).

    Examples
    --------
    >>> ddim_timesteps(1000, 5)
    [800, 600, 400, 200, 0]
    >>> ddim_timesteps(1000, 5, spacing="trailing")
    [999, 799, 599, 399, 199]
    """
    if not 1 <= n_steps <= n_train:
        raise DataError(f"expected 1 to {n_train} sampling steps, got {n_steps}")
    if spacing == "trailing":
        return [round(n_train * (n_steps - index) / n_steps) - 1 for index in range(n_steps)]
    stride = n_train // n_steps
    return [index * stride for index in reversed(range(n_steps))]


def timestep_pairs(timesteps: Sequence[int]) -> list[tuple[int, int]]:
    """Return each timestep with the next cleaner one, -1 after the last."""
    return list(zip(timesteps, [*timesteps[1:], -1], strict=True))
