"""Bring label maps of different heads into one symmetric space, by an affine map and a smooth deformation.

The maps are reduced to the shares of a few classes in blocks of 4 mm. Each is moved (affine matrix, shift,
and a stationary velocity) towards the mean of all and of their mirror images; the mean is taken anew after
every round.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from plausibrain.generation.simulator.anatomy import CENTRE, SHAPE, STEP_MM
from plausibrain.generation.simulator.spatial import integrate, resize, sample, voxel_grid

# FreeSurfer ids of each class, left and right together; choroid plexus (136, 137, 163, 164) belongs to its
# ventricle.
CLASSES: tuple[tuple[int, ...], ...] = (
    (2, 41, 25, 57),
    (3, 42),
    (4, 43, 5, 44, 136, 137, 163, 164),
    (10, 49),
    (11, 50, 26, 58),
    (12, 51),
    (13, 52),
    (17, 53),
    (18, 54),
    (28, 60),
    (16, 512),
    (7, 46),
    (8, 47),
    (24,),
    (14, 15, 72),
    (515, 516),
    (507, 509, 511, 508, 514, 506, 530),
)
WEIGHTS = (1, 1, 1.5, 2, 2, 2, 2, 2.5, 2.5, 1.5, 1.5, 1, 1, 0.7, 1.5, 0.7, 0.5)
BLOCK_MM = 4
# The middle of the atlas lies below the middle of the brain, so that skull base and face are inside.
BELOW_BRAIN_MM = 18.0
VELOCITY_SHAPE, VELOCITY_STEP_MM = (31, 38, 36), 6.0
ROUGHNESS_WEIGHT = 2e-4


@dataclass(frozen=True)
class Round:
    """One pass over all heads.

    Attributes
    ----------
    n_steps : int
        Gradient steps for each head.
    step_mm : float
        Grid on which heads are compared.
    smoothing : int
        Box filters over the velocity, 3 voxels of 6 mm each; 0 leaves the velocity at rest.
    """

    n_steps: int
    step_mm: float
    smoothing: int


SCHEDULE = (
    Round(25, 6.0, 0),
    Round(20, 6.0, 0),
    Round(15, 6.0, 3),
    Round(15, 6.0, 2),
    Round(15, 4.0, 2),
    Round(15, 4.0, 1),
)


@dataclass
class Head:
    """A head and where it lies.

    Attributes
    ----------
    shares : Tensor, (17, I, J, K)
        Share of each class in blocks of 4 mm.
    centre : Tensor, (3,)
        Middle of the brain, voxels of 1 mm.
    matrix, shift : Tensor
        Affine part: atlas mm to voxels of 1 mm from the centre.
    velocity : Tensor, (3, 31, 38, 36)
        mm, before smoothing.
    """

    shares: Tensor
    centre: Tensor
    matrix: Tensor = field(default_factory=lambda: torch.eye(3))
    shift: Tensor = field(default_factory=lambda: torch.zeros(3))
    velocity: Tensor = field(default_factory=lambda: torch.zeros(3, *VELOCITY_SHAPE))


def reduce_map(labels: np.ndarray) -> Head:
    """Return a head from a label map at 1 mm in RAS order, (I, J, K) divisible by 4."""
    lookup = np.zeros(max(600, int(labels.max()) + 1), np.int64)
    for number, members in enumerate(CLASSES, start=1):
        lookup[list(members)] = number
    classes = torch.from_numpy(lookup[labels])
    brain = np.argwhere((labels > 0) & (labels < 100) & (labels != 24))
    shares = []
    for number in range(1, len(CLASSES) + 1):
        blocks = functional.avg_pool3d((classes == number).float()[None, None], BLOCK_MM)
        shares.append((0.5 * blocks + 0.5 * functional.avg_pool3d(blocks, 3, 1, 1))[0, 0])
    return Head(torch.stack(shares), torch.from_numpy(brain.mean(axis=0)).float())


def atlas_positions(step_mm: float) -> Tensor:
    """Return atlas positions (mm) of a grid over the atlas, (3, I, J, K); its corners stay at any step."""
    shape = [round(STEP_MM * (n - 1) / step_mm) + 1 for n in SHAPE]
    grid = voxel_grid(shape)
    reach = torch.tensor(CENTRE).view(3, 1, 1, 1) * STEP_MM
    return grid / (torch.tensor(shape).view(3, 1, 1, 1) - 1.0) * 2 * reach - reach


def smoothed(velocity: Tensor, n_filters: int) -> Tensor:
    """Return a velocity after a number of box filters of 3 voxels."""
    for _ in range(n_filters):
        velocity = functional.avg_pool3d(velocity[None], 3, 1, 1, count_include_pad=False)[0]
    return velocity


def head_voxels(
    matrix: Tensor, shift: Tensor, centre: Tensor, velocity: Tensor | None, positions: Tensor
) -> Tensor:
    """Return where atlas positions lie in a head, voxels of 1 mm, (3, …); `velocity` is smooth, mm."""
    places = positions - torch.tensor([0.0, 0.0, BELOW_BRAIN_MM]).view(3, 1, 1, 1)
    if velocity is not None:
        displacement = integrate(velocity / VELOCITY_STEP_MM) * VELOCITY_STEP_MM
        places = places + resize(displacement, positions.shape[1:])
    rotation = torch.einsum("ab,bijk->aijk", matrix, places)
    return rotation + (shift + centre).view(3, 1, 1, 1)


def sampled_shares(head: Head, voxels: Tensor) -> Tensor:
    """Return the class shares of a head at voxel coordinates of 1 mm."""
    return sample(head.shares, (voxels - (BLOCK_MM - 1) / 2) / BLOCK_MM)


def mean_head(heads: Sequence[Head], step_mm: float, n_filters: int) -> Tensor:
    """Return the symmetric mean of all heads in atlas space."""
    positions = atlas_positions(step_mm)
    total = torch.zeros(len(CLASSES), *positions.shape[1:])
    with torch.no_grad():
        for head in heads:
            velocity = smoothed(head.velocity, n_filters) if n_filters else None
            total += sampled_shares(
                head, head_voxels(head.matrix, head.shift, head.centre, velocity, positions)
            )
    return (total + total.flip(1)) / (2 * len(heads))


def register(
    heads: Sequence[Head],
    schedule: Sequence[Round] = SCHEDULE,
    on_round: Callable[[int, float], None] | None = None,
) -> int:
    """Move all heads, in place, until each lies on the mean of all.

    Parameters
    ----------
    heads : sequence of Head
        As from `reduce_map`.
    schedule : sequence of Round
        Coarse to fine.
    on_round : callable, optional
        Called with the number of the round and its mean squared difference.

    Returns
    -------
    int
        Number of box filters of the last round: the velocity of a head is ``smoothed(head.velocity,
        number)``.
    """
    for number, plan in enumerate(schedule):
        template = mean_head(heads, plan.step_mm, plan.smoothing)
        losses = [fit_head(head, template, plan) for head in heads]
        centre_heads(heads, keep_size=plan.smoothing > 0)
        if on_round is not None:
            on_round(number, float(np.mean(losses)))
    return schedule[-1].smoothing


def fit_head(head: Head, template: Tensor, plan: Round) -> float:
    """Move one head towards the template, in place; return the squared difference before the last step."""
    positions = atlas_positions(plan.step_mm)
    weights = torch.tensor(WEIGHTS).view(-1, 1, 1, 1)
    matrix, shift, velocity = (
        value.clone().requires_grad_() for value in (head.matrix, head.shift, head.velocity)
    )
    moving = plan.smoothing > 0
    rates = [(matrix, 0.002 if moving else 0.01), (shift, 0.2 if moving else 0.7), (velocity, 0.8)]
    optimiser = torch.optim.Adam(
        [{"params": [value], "lr": rate} for value, rate in rates[: 3 if moving else 2]]
    )
    difference = torch.zeros(())
    for _ in range(plan.n_steps):
        optimiser.zero_grad()
        smooth_velocity = smoothed(velocity, plan.smoothing) if moving else None
        shares = sampled_shares(head, head_voxels(matrix, shift, head.centre, smooth_velocity, positions))
        difference = ((shares - template) ** 2 * weights).sum(0).mean()
        loss = (
            difference
            if smooth_velocity is None
            else difference + ROUGHNESS_WEIGHT * roughness(smooth_velocity)
        )
        loss.backward()
        optimiser.step()
    head.matrix, head.shift, head.velocity = matrix.detach(), shift.detach(), velocity.detach()
    return difference.item()


def roughness(velocity: Tensor) -> Tensor:
    """Return the mean squared difference between neighbouring voxels, summed over the axes."""
    return torch.stack([(velocity.diff(dim=axis) ** 2).mean() for axis in (1, 2, 3)]).sum()


def centre_heads(heads: Sequence[Head], *, keep_size: bool) -> None:
    """Take the symmetric part of the mean affine and of the mean velocity out of every head, in place."""
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    if not keep_size:
        mean = torch.stack([head.matrix for head in heads]).mean(0)
        inverse = torch.linalg.inv((mean + mirror @ mean @ mirror) / 2)
        for head in heads:
            head.matrix = head.matrix @ inverse
    velocity = torch.stack([head.velocity for head in heads]).mean(0)
    velocity = (velocity + mirrored(velocity)) / 2
    for head in heads:
        head.velocity = head.velocity - velocity


def mirrored(velocity: Tensor) -> Tensor:
    """Return the velocity of the mirrored head, (3, I, J, K)."""
    return velocity.flip(1) * torch.tensor([-1.0, 1.0, 1.0]).view(3, 1, 1, 1)
