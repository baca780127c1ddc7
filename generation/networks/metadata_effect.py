"""What metadata of subjects explain of features, by least squares, place by place."""

import torch
from torch import Tensor, nn

#: Penalty of the least squares over a whole cohort: enough for conditions that go together in everybody.
RIDGE = 1e-3


class MetadataEffect(nn.Module):
    """A linear prediction of features from conditions, its own at each place of a grid.

    Parameters
    ----------
    n_conditions, channels : int
    cells : tuple of int
        Sizes of the grid.
    """

    weights: Tensor

    def __init__(self, n_conditions: int, channels: int, cells: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(1 + n_conditions, channels, *cells))

    def forward(self, conditions: Tensor) -> Tensor:
        """Return predicted features, (B, channels, i, j, k), of scaled conditions, (B, n_conditions)."""
        with torch.autocast(conditions.device.type, enabled=False):
            return torch.einsum("bm,mcijk->bcijk", with_intercept(conditions.float()), self.weights)


class EffectStatistics(nn.Module):
    """Moving moments of conditions and features, from which the least-squares prediction is solved.

    Parameters
    ----------
    effect : MetadataEffect
        Its sizes; it is not kept.
    decay : float
        Per update.
    ridge : float
        Penalty as a share of the mean square of a predictor; keeps the first updates, from few subjects,
        small.
    """

    gram: Tensor
    cross: Tensor

    def __init__(self, effect: MetadataEffect, *, decay: float = 0.995, ridge: float = 10 * RIDGE) -> None:
        super().__init__()
        self.decay, self.ridge = decay, ridge
        size = len(effect.weights)
        self.register_buffer("gram", torch.zeros(size, size))
        self.register_buffer("cross", torch.zeros_like(effect.weights))

    @torch.no_grad()
    def update(self, effect: MetadataEffect, conditions: Tensor, features: Tensor) -> None:
        """Add a batch, (B, n_conditions) and (B, channels, i, j, k), to the moments and solve anew."""
        design = with_intercept(conditions.float())
        with torch.autocast(design.device.type, enabled=False):
            cross = torch.einsum("bm,bcijk->mcijk", design, features.float())
            self.gram.lerp_(design.T @ design / len(design), 1 - self.decay)
            self.cross.lerp_(cross / len(design), 1 - self.decay)
            solution = _solve(self.gram, self.cross.flatten(1), self.ridge)
        effect.weights.copy_(solution.view_as(self.cross))


def _solve(gram: Tensor, cross: Tensor, ridge: float) -> Tensor:
    penalty = ridge * gram.diagonal().mean().expand(len(gram)).diag()
    return torch.linalg.solve(gram + penalty, cross)


def with_intercept(conditions: Tensor) -> Tensor:
    """Return conditions as -1 to 1 with a leading 1, (B, 1 + n_conditions)."""
    return torch.cat((torch.ones_like(conditions[:, :1]), 2 * conditions - 1), dim=1)
