"""What metadata of subjects explain of features, by least squares, place by place."""

import torch
from torch import Tensor, nn

#: Penalty of the least squares over a whole cohort: enough for conditions that go together in everybody.
RIDGE = 1e-3
#: Distance between the outer knots of a scaled condition that hardly varies.
_LEAST_SPAN = 1e-3
#: Quantiles of the knots in the upper tail.
TAIL_SHARES = (0.92, 0.98)


class MetadataEffect(nn.Module):
    """A prediction of features from conditions, its own at each place of a grid: linear, or linear in pieces.

    Parameters
    ----------
    n_conditions, channels : int
    cells : tuple of int
        Sizes of the grid.
    n_knots : int
        0, or at least 2: how often the slope over each condition may change, at quantiles in the data, see
        `knot_shares`. A place that a growing ventricle reaches turns from tissue to fluid, which no straight
        line follows.
    """

    weights: Tensor
    knots: Tensor | None

    def __init__(
        self, n_conditions: int, channels: int, cells: tuple[int, int, int], *, n_knots: int = 0
    ) -> None:
        super().__init__()
        if n_knots == 1 or n_knots < 0:
            raise ValueError(f"expected no knots or at least 2, got {n_knots}")
        predictors = 1 + n_conditions * (1 + n_knots)
        self.register_buffer("weights", torch.zeros(predictors, channels, *cells))
        self.register_buffer("knots", torch.zeros(n_conditions, n_knots) if n_knots else None)

    def forward(self, conditions: Tensor) -> Tensor:
        """Return predicted features, (B, channels, i, j, k), of scaled conditions, (B, n_conditions)."""
        with torch.autocast(conditions.device.type, enabled=False):
            return torch.einsum("bm,mcijk->bcijk", self.predictors(conditions.float()), self.weights)

    def predictors(self, conditions: Tensor) -> Tensor:
        """Return what the weights multiply, (B, predictors): 1, conditions, and beyond each knot."""
        straight = with_intercept(conditions)
        if self.knots is None:
            return straight
        knots = self.knots.to(conditions.dtype)
        span = (knots[:, -1:] - knots[:, :1]).clamp_min(_LEAST_SPAN)
        beyond = (conditions[:, :, None] - knots).clamp_min(0) / span
        return torch.cat((straight, beyond.flatten(1)), dim=1)

    @torch.no_grad()
    def fit(self, conditions: Tensor, features: Tensor, *, ridge: float = RIDGE) -> None:
        """Solve the least squares of features, (n, channels, i, j, k), on conditions, (n, n_conditions).

        Knots are set first, at quantiles of the conditions.

        Parameters
        ----------
        conditions, features : Tensor
        ridge : float
            Penalty as a share of the mean square of a predictor, per piece of a line. That it grows with the
            pieces is what predicts other subjects best, on 700 simulated ones.
        """
        if self.knots is not None:
            shares = torch.tensor(knot_shares(self.knots.shape[1]))
            self.knots.copy_(conditions.float().quantile(shares.to(conditions.device), dim=0).T)
        n_pieces = 1 if self.knots is None else 1 + self.knots.shape[1]
        given = self.predictors(conditions.double())
        cross = (given.T @ features.double().flatten(1)) / len(given)
        solved = _solved(given.T @ given / len(given), cross, n_pieces * ridge)
        self.weights.copy_(solved.view_as(self.weights))


def knot_shares(n_knots: int) -> list[float]:
    """Return the quantiles of knots: evenly spaced, but from six on the last two lie in the upper tail.

    Volumes of ventricles have a long one: the largest fifth of the subjects spans more millilitres than all
    others together.

    Examples
    --------
    >>> knot_shares(6)
    [0.2, 0.4, 0.6, 0.8, 0.92, 0.98]
    """
    in_tail = TAIL_SHARES if n_knots >= 4 + len(TAIL_SHARES) else ()
    even = n_knots - len(in_tail)
    return [round((number + 1) / (even + 1), 4) for number in range(even)] + list(in_tail)


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
        given = with_intercept(conditions.float())
        with torch.autocast(given.device.type, enabled=False):
            cross = torch.einsum("bm,bcijk->mcijk", given, features.float())
            self.gram.lerp_(given.T @ given / len(given), 1 - self.decay)
            self.cross.lerp_(cross / len(given), 1 - self.decay)
            solved = _solved(self.gram, self.cross.flatten(1), self.ridge)
        effect.weights.copy_(solved.view_as(self.cross))


def _solved(gram: Tensor, cross: Tensor, ridge: float) -> Tensor:
    penalty = ridge * gram.diagonal().mean().expand(len(gram)).diag()
    return torch.linalg.solve(gram + penalty, cross)


def with_intercept(conditions: Tensor) -> Tensor:
    """Return conditions as -1 to 1 with a leading 1, (B, 1 + n_conditions)."""
    return torch.cat((torch.ones_like(conditions[:, :1]), 2 * conditions - 1), dim=1)
