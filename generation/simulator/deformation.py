"""Where each point of a subject's head lies in the atlas: random shape, then steered to given volumes.

A deformation is a displacement on a coarse grid: subject position x (mm) -> atlas position x + D(x). It is
made of an affine part (head size and proportions), a diffeomorphism from modes of shape and smooth noise,
and small steps that let structures grow or shrink until their volumes are near the target. Every part is
one to one.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from plausibrain.generation.simulator.anatomy import CENTRE, SHAPE, STEP_MM, Anatomy
from plausibrain.generation.simulator.spatial import (
    integrate,
    jacobian_determinant,
    sample,
    smooth,
    voxel_grid,
)

N_STEPS = 14
LARGEST_RATE = 0.25
PROPORTION_LOG_SD = 0.02
POSE_DEGREES = 2.0
# Smooth noise of velocity: standard deviation (mm) at a Gaussian width (voxels of 4 mm). The ratio to the
# width, at most an eighth, keeps the local change of volume mild.
NOISE = ((2.0, 5.0), (1.0, 2.5))
MODE_STRENGTH = 0.8


def subject_grid() -> Tensor:
    """Return subject positions (mm) of the coarse grid, (3, 47, 57, 54)."""
    return (voxel_grid(SHAPE) - torch.tensor(CENTRE).view(3, 1, 1, 1)) * STEP_MM


def to_voxels(positions: Tensor) -> Tensor:
    """Return coarse voxel coordinates of positions in mm, (3, …)."""
    return positions / STEP_MM + torch.tensor(CENTRE, device=positions.device).view(3, 1, 1, 1)


def draw_deformation(anatomy: Anatomy, rng: np.random.Generator, head_scale: float) -> Tensor:
    """Return the displacement of a random head of a size, before its volumes are steered.

    Parameters
    ----------
    anatomy : Anatomy
        Gives the modes of shape.
    rng : numpy.random.Generator
        The subject's.
    head_scale : float
        Linear size relative to the atlas.

    Returns
    -------
    Tensor, (3, 47, 57, 54)
        mm, subject to atlas.
    """
    proportions = rng.normal(0.0, PROPORTION_LOG_SD, 3)
    scale = head_scale * np.exp(proportions - proportions.mean())
    velocity = draw_velocity(anatomy, rng)
    displacement = integrate(velocity / STEP_MM) * STEP_MM
    turn = rotation(np.deg2rad(rng.normal(0.0, POSE_DEGREES, 3)))
    matrix = torch.from_numpy(np.diag(1.0 / scale) @ turn).float()
    grid = subject_grid()
    inside = torch.einsum("ab,bijk->aijk", matrix, grid)
    return inside + sample(displacement, to_voxels(inside)) - grid


def draw_velocity(anatomy: Anatomy, rng: np.random.Generator) -> Tensor:
    """Return a random velocity field, mm: modes of shape and smooth noise."""
    weights = torch.from_numpy(rng.standard_normal(len(anatomy.modes)).clip(-2.5, 2.5)).float()
    velocity = MODE_STRENGTH * torch.einsum("m,mcijk->cijk", weights, anatomy.modes)
    for sd_mm, width in NOISE:
        noise = smooth(torch.from_numpy(rng.standard_normal((3, *SHAPE), dtype=np.float32)), width)
        velocity = velocity + sd_mm * noise / noise.std()
    return velocity


def rotation(angles: np.ndarray) -> np.ndarray:
    """Return the rotation matrix of three angles (radians) about x, y and z."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x, float)


def steer(displacement: Tensor, anatomy: Anatomy, targets: Mapping[str, float]) -> Tensor:
    """Return a displacement under which coarse classes have nearly their target volumes.

    Parameters
    ----------
    displacement : Tensor, (3, 47, 57, 54)
        mm, subject to atlas.
    anatomy : Anatomy
        Gives the share of each class at each atlas position.
    targets : mapping of str to float
        Volume of each class of `Anatomy.soft_names`, mm3.

    Returns
    -------
    Tensor, (3, 47, 57, 54)
        mm.

    Notes
    -----
    Each step moves material along ``w = grad phi`` with ``div w = sum_s p_s log(target_s / volume_s)``, the
    smallest flow (in kinetic energy) with that divergence; the rate is capped, so each step is one to one.
    Sampled at 4 mm a chain of steps may still fold (2 of 800 subjects did): the step before is then the last.
    """
    goals = torch.tensor([targets[name] for name in anatomy.soft_names])
    grid = subject_grid()
    for _ in range(N_STEPS):
        shares = soft_classes(anatomy, grid + displacement)
        volumes = shares.sum(dim=(1, 2, 3)) * STEP_MM**3
        rates = torch.log(goals / volumes.clamp(min=1.0)).clamp(-LARGEST_RATE, LARGEST_RATE)
        flow = flow_of_divergence(torch.einsum("c,cijk->ijk", rates, shares))
        candidate = sample(displacement, to_voxels(grid - flow)) - flow
        if float(jacobian_determinant(candidate / STEP_MM).min()) <= 0:
            break
        displacement = candidate
    return displacement


def soft_classes(anatomy: Anatomy, atlas: Tensor) -> Tensor:
    """Return the share of each coarse class at atlas positions, (C, …)."""
    return sample(anatomy.soft.data, anatomy.soft.voxels(fold(atlas)))


def fold(atlas: Tensor) -> Tensor:
    """Return atlas positions on the half that is kept: (|x|, y, z)."""
    return torch.cat([atlas[:1].abs(), atlas[1:]])


def flow_of_divergence(divergence: Tensor) -> Tensor:
    """Return the gradient flow (mm) with a divergence, by Fourier transform on a periodic grid.

    Parameters
    ----------
    divergence : Tensor, (I, J, K)
        Relative change of volume; its mean, which a periodic grid cannot hold, is dropped.

    Returns
    -------
    Tensor, (3, I, J, K)
        mm.
    """
    shape = divergence.shape
    axes = [torch.fft.fftfreq(n) for n in shape[:2]] + [torch.fft.rfftfreq(shape[2])]
    waves = torch.stack(torch.meshgrid(*axes, indexing="ij")) * (2 * torch.pi / STEP_MM)
    wave_norms = (waves**2).sum(0)
    wave_norms[0, 0, 0] = 1.0
    spectrum = torch.fft.rfftn(divergence) / wave_norms
    spectrum[0, 0, 0] = 0.0
    return torch.stack([torch.fft.irfftn(-1j * wave * spectrum, s=shape) for wave in waves])
