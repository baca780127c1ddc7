"""Discrete diffusion with an absorbing state: codes are masked one by one, and found again (Austin2021).

At time t of T each code is still visible with probability a_t = 1 - t / T, independently; a masked code
stays masked. At t = 0 all are visible, at t = T none is.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.noise import uniform


@dataclass(frozen=True)
class AbsorbingDiffusion:
    """The chain from codes to masks and the way back.

    Attributes
    ----------
    n_steps : int
        T.
    mask : int
        Number that stands for a masked code; codes are 0 to mask - 1.
    """

    n_steps: int
    mask: int

    def visible(self, times: Tensor) -> Tensor:
        """Return a_t, the share of codes that are visible at times 0 to T."""
        return 1 - times.to(torch.float64) / self.n_steps

    def hide(self, codes: Tensor, times: Tensor, generator: torch.Generator) -> Tensor:
        """Return codes, (B, …), some of them masked: a draw of q(x_t | x_0) at times t, (B,).

        Noise is drawn where the generator is.
        """
        share = self.visible(times).float().view(-1, *[1] * (codes.ndim - 1))
        draws = uniform(codes.shape, generator, codes.device)
        return torch.where(draws < share.to(codes.device), codes, self.mask)

    def posterior(self, codes: Tensor, probabilities: Tensor, time: int, before: int) -> Tensor:
        """Return p(x_s | x_t) of codes at an earlier time s < t, given p(x_0 | x_t).

        Parameters
        ----------
        codes : Tensor of int64, (…)
            x_t.
        probabilities : Tensor, (…, mask)
            p(x_0 | x_t) of each code.
        time, before : int
            t and s.

        Returns
        -------
        Tensor, (…, mask + 1)
            The last is the probability of being masked.

        Notes
        -----
        A visible code is x_0 and was visible before. A masked one was visible at s with probability
        (a_s - a_t) / (1 - a_t), and then was x_0: the sum of q(x_s | x_t, x_0) p(x_0 | x_t) over x_0
        (Austin2021, equation 4 and appendix A.2).
        """
        chance = self.chance_to_show(time, before)
        is_mask = (codes == self.mask)[..., None]
        hidden = torch.full_like(probabilities[..., :1], 1 - chance)
        if_masked = torch.cat((chance * probabilities, hidden), dim=-1)
        certain = torch.nn.functional.one_hot(codes, self.mask + 1).to(probabilities.dtype)
        return torch.where(is_mask, if_masked, certain)

    def chance_to_show(self, time: int, before: int) -> float:
        """Return the probability that a code masked at t was visible at s < t; exactly 1 for s = 0."""
        a_t, a_s = (1 - t / self.n_steps for t in (time, before))
        return (a_s - a_t) / (1 - a_t)

    def step(
        self, codes: Tensor, probabilities: Tensor, time: int, before: int, generator: torch.Generator
    ) -> Tensor:
        """Return a draw of x_s, in the shape of x_t, with noise of the generator in one fixed order."""
        which, when = (uniform(codes.shape, generator, codes.device) for _ in range(2))
        cdf = probabilities.double().cumsum(dim=-1)
        sample = (cdf < (which.double() * cdf[..., -1])[..., None]).sum(dim=-1).clamp_max(self.mask - 1)
        visible = when < self.chance_to_show(time, before)
        return torch.where((codes == self.mask) & visible, sample, codes)


def times_of_sampling(n_steps: int, n_wanted: int) -> list[tuple[int, int]]:
    """Return pairs of times (t, s), from T down to 0, spread evenly over `n_wanted` steps.

    Raises
    ------
    DataError
        Unless 1 <= n_wanted <= n_steps.

    Examples
    --------
    >>> times_of_sampling(100, 4)
    [(100, 75), (75, 50), (50, 25), (25, 0)]
    """
    if not 1 <= n_wanted <= n_steps:
        raise DataError(f"expected 1 to {n_steps} steps of sampling, got {n_wanted}")
    times = [round(n_steps * (1 - k / n_wanted)) for k in range(n_wanted + 1)]
    return list(pairwise(times))
