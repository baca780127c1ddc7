"""The best linear guess of clean latents from noisy ones, and a U-Net that starts from it.

While there is much noise, what can be told of an image is close to what a Gaussian with the data's mean and
covariance would tell (Wang2024). With few subjects and few steps a U-Net hardly learns that part: the common
shapes of heads, which reach over the whole image. So it is computed, and the network learns what the guess
lacks.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from plausibrain.generation.ldm.schedule import Schedule


class LinearDenoiser(nn.Module):
    """The posterior mean of latents under a Gaussian: a few modes of large variance, and an even rest.

    Parameters
    ----------
    n_modes : int
        Modes kept; with fewer subjects, the rest have no variance.
    channels : int
    cells : tuple of int
        Sizes of the latents.
    """

    modes: Tensor
    variances: Tensor
    rest: Tensor

    def __init__(self, n_modes: int, channels: int, cells: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("modes", torch.zeros(n_modes, channels, *cells))
        self.register_buffer("variances", torch.zeros(n_modes))
        self.register_buffer("rest", torch.ones(channels, 1, 1, 1))

    @torch.no_grad()
    def fit(self, latents: Tensor) -> None:
        """Take modes and variances from latents of mean 0, (n, C, i, j, k), of which no two are equal."""
        flat = latents.flatten(1).double()
        n_kept = min(len(self.modes), len(flat) - 1)
        squares, mixtures = torch.linalg.eigh(flat @ flat.T)
        largest = squares.flip(0)[:n_kept]
        modes = mixtures.flip(1)[:, :n_kept].T @ flat / largest.clamp_min(1e-12).sqrt()[:, None]
        self.modes.zero_()[:n_kept] = modes.view(n_kept, *latents.shape[1:])
        self.variances.zero_()[:n_kept] = largest / len(flat)
        of_modes = torch.einsum("k,kcijl->cijl", self.variances, self.modes.pow(2))
        rest = latents.pow(2).mean(dim=0) - of_modes
        self.rest.copy_(rest.mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6))

    def forward(self, noisy: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
        """Return the guess of clean latents, (B, C, i, j, k).

        Parameters
        ----------
        noisy : Tensor, (B, C, i, j, k)
        signal, noise : Tensor, (B, 1, 1, 1, 1)
            What clean latents and unit noise were multiplied by before they were added.
        """
        flat, modes = noisy.flatten(1), self.modes.flatten(1)
        scores = flat @ modes.T
        of_modes = _wiener(self.variances, signal.flatten(1), noise.flatten(1)) * scores
        along = (of_modes @ modes).view_as(noisy)
        beside = noisy - (scores @ modes).view_as(noisy)
        return along + _wiener(self.rest, signal, noise) * beside


def _wiener(variance: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    return signal * variance / (signal**2 * variance + noise**2)


class InformedUNet(nn.Module):
    """A U-Net beside a `LinearDenoiser`: it sees the head that this guesses, and adds what the guess lacks.

    It is called like MONAI's ``DiffusionModelUNet``, see `plausibrain.generation.ldm.networks.predict`. The
    guess reaches the network as whole latents, the mean head of the conditions included, for where tissue
    ends in that head decides what a subject can add to it.

    Parameters
    ----------
    unet : Module
        With one more input channel per latent channel.
    linear : LinearDenoiser
    head : callable
        Normalised latents and conditions to whole latents, see
        `plausibrain.generation.ldm.networks.LatentScale.head`.
    schedule : Schedule
    """

    def __init__(
        self,
        unet: nn.Module,
        linear: LinearDenoiser,
        head: Callable[[Tensor, Tensor], Tensor],
        schedule: Schedule,
    ) -> None:
        super().__init__()
        self.unet, self.linear, self.head, self.schedule = unet, linear, head, schedule

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """Return the prediction, (B, C, i, j, k), for latents and, behind them, constant channels."""
        conditions = context[:, 0]
        with torch.autocast(x.device.type, enabled=False), torch.no_grad():
            noisy = x[:, : -conditions.shape[1]].float()
            signal, noise = self.schedule.scales(noisy, timesteps)
            guess = self.linear(noisy, signal, noise)
            head = self.head(guess, conditions.float())
            start = self.schedule.target(guess, (noisy - signal * guess) / noise, timesteps)
        added: Tensor = self.unet(
            torch.cat((x, head.to(x.dtype)), dim=1), timesteps=timesteps, context=context
        )
        return start + added.float()
