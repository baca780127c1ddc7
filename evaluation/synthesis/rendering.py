"""From labels to an image that could have come from a scanner, and the target that belongs to it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from evaluation.synthesis.anatomy import T1_PRIOR, Codebook
from evaluation.synthesis.deformation import draw_codes
from evaluation.synthesis.fields import blur, chance, normal, shape_of, smooth_field, uniform
from evaluation.synthesis.labelmaps import TrainingMap

_CSF, _CORTEX, _WHITE = 16, 2, 1
_VENTRICLES = (3, 4)


@dataclass(frozen=True)
class Recipe:
    """How often each kind of rendering is drawn (shares of 1)."""

    t1_like: float = 0.9
    stripped: float = 0.7
    thick_slices: float = 0.2
    enlarged_ventricles: float = 0.2
    narrow_sulci: float = 0.75
    bright_centre: float = 0.6


@dataclass(frozen=True)
class Example:
    """One training example.

    Attributes
    ----------
    image : Tensor of float32, (I, J, K)
    target : Tensor of int64, (I, J, K)
        Channel of the structure, 0 to 18.
    side : Tensor of uint8, (I, J, K)
        0 without a side, 1 left, 2 right.
    """

    image: Tensor
    target: Tensor
    side: Tensor


def render_example(
    source: TrainingMap,
    codebook: Codebook,
    shape: tuple[int, int, int],
    recipe: Recipe,
    generator: Generator,
    *,
    centre: Tensor | None = None,
) -> Example:
    """Return a random rendering of a random block of one label map.

    Parameters
    ----------
    source : TrainingMap
    shape : tuple of 3 ints
        Size of the block at 1 mm.
    centre : Tensor, (3,), optional
        Middle of the block; by default a deep structure in six of ten draws, else anywhere in the brain.
    """
    centre = _draw_centre(source, generator) if centre is None else centre
    codes, flipped = draw_codes(source.codes, centre, shape, generator)
    codes = codes.to(torch.int64)
    tissue, target, side = codebook.tissue[codes], codebook.target[codes], codebook.side[codes]
    if flipped:
        side = (3 - side) * (side > 0)
    if chance(recipe.enlarged_ventricles, generator):
        tissue, target = _enlarge_ventricles(tissue, target, codebook, generator)
    tight = None
    if chance(recipe.narrow_sulci, generator):
        tight = _narrow_sulci(target, side, generator)
        target = target.masked_fill(tight, _CORTEX)
    image = paint_tissues(
        tissue, codebook, t1_like=chance(recipe.t1_like, generator), generator=generator, tight=tight
    )
    if chance(recipe.stripped, generator):
        keep = _skull_strip(target, generator)
        image = image * keep
        if chance(0.6, generator):  # most stripped images were resampled after stripping: their edge is soft
            image = blur(image, (uniform(0.3, 0.7, generator),) * 3)
        target = target * (keep > 0.5)
        side = side * (keep > 0.5)
    if chance(recipe.bright_centre, generator):
        image = image * _bright_centre(shape, generator)
    image = _scan(image, thick=chance(recipe.thick_slices, generator), generator=generator)
    return Example(_rescale(image, generator), target, side)


def _draw_centre(source: TrainingMap, generator: Generator) -> Tensor:
    places = source.deep if chance(0.6, generator) else source.brain
    place = places[int(uniform(0, len(places), generator))].float()
    return place + 8 * normal((3,), generator).cpu()


def _grow(mask: Tensor, n_voxels: int) -> Tensor:
    for _ in range(n_voxels):
        mask = functional.max_pool3d(mask[None, None], 3, 1, 1)[0, 0]
    return mask


def _tissue_index(codebook: Codebook, label: int) -> int:
    return int(np.searchsorted(codebook.tissues, label))


def _enlarge_ventricles(
    tissue: Tensor, target: Tensor, codebook: Codebook, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Let the lateral ventricles grow by 1 to 3 mm into white matter and deep grey matter."""
    n_voxels = int(uniform(1, 3.5, generator))
    lateral = (target == _VENTRICLES[0]).float()
    into = (target == _WHITE) | (target == 7) | (target == 8) | (target == 4)
    grown = (_grow(lateral, n_voxels) > 0) & into
    tissue = tissue.masked_fill(grown, _tissue_index(codebook, 4))
    return tissue, target.masked_fill(grown, _VENTRICLES[0])


def _narrow_sulci(target: Tensor, side: Tensor, generator: Generator) -> Tensor:
    """Return where the cortex grows by 1 mm into the fluid around it, in patches; ``side`` is set.

    Young brains have tight sulci.
    """
    cortex = (target == _CORTEX).float()
    patches = smooth_field(shape_of(target), 20, generator)[0] > uniform(-1.5, 1.0, generator)
    grown = (_grow(cortex, 1) > 0) & (target == _CSF) & patches
    left = _grow(((target == _CORTEX) & (side == 1)).float(), 1) > 0
    side[grown] = torch.where(left, 1, 2)[grown].to(side.dtype)
    return grown


def paint_tissues(
    tissue: Tensor,
    codebook: Codebook,
    *,
    t1_like: bool,
    generator: Generator,
    tight: Tensor | None = None,
) -> Tensor:
    """Return intensities: mean of the tissue, slow and fast variation within it, then partial volume.

    Parameters
    ----------
    tissue : Tensor of int64, (I, J, K)
        Tissue classes of the codebook.
    t1_like : bool
        Means near those of T1w images, or uniform between 0 and 1.
    tight : Tensor of bool, (I, J, K), optional
        Voxels of tight sulci: cortex that keeps a share of the fluid it shares the voxel with.
    """
    shape = shape_of(tissue)
    means, spreads, slow = _draw_contrast(codebook, t1_like=t1_like, generator=generator)
    variation = smooth_field(shape, uniform(5, 14, generator), generator)[0] * slow[tissue]
    grain = normal(shape, generator)
    grain = 2.0 * blur(grain, (0.7, 0.7, 0.7)) if chance(0.5, generator) else grain
    image = means[tissue] + variation + grain * spreads[tissue]
    if tight is not None:
        share = uniform(0.5, 1.0, generator)
        image = torch.where(tight, image + share * (means[_tissue_index(codebook, 3)] - image), image)
    return blur(image, (uniform(0.3, 0.75, generator),) * 3)


def _draw_contrast(
    codebook: Codebook, *, t1_like: bool, generator: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, fine spread and slow spread of each tissue, (n_tissues,)."""
    n = len(codebook.tissues)
    means = torch.rand(n, generator=generator)
    spreads = uniform(0.005, 0.08, generator) * torch.rand(n, generator=generator)
    if t1_like:
        prior = torch.tensor([T1_PRIOR.get(int(t), (0.0, 0.0)) for t in codebook.tissues])
        known = prior[:, 0] > 0
        drawn = prior[:, 0] + uniform(0.3, 1.5, generator) * prior[:, 1] * normal((n,), generator)
        # Grey matter as a whole comes nearer to white matter or departs from it (field strength, sequence,
        # age).
        drawn = 1 - (1 - drawn) * uniform(0.75, 1.2, generator)
        means = torch.where(known, drawn.clamp(0.02, 1.3), means * 1.2)
        spreads = uniform(0.005, 0.04, generator) * (0.6 + 0.8 * torch.rand(n, generator=generator))
    means[0] = 0.0 if chance(0.7, generator) else uniform(0, 0.1 if t1_like else 1.0, generator)
    spreads[0] *= 0.3
    slow = uniform(0.0, 0.06, generator) * (0.5 + torch.rand(n, generator=generator))
    slow[0] = 0.0
    return means, spreads, slow


def _skull_strip(target: Tensor, generator: Generator) -> Tensor:
    """Return a soft mask of a stripped brain; its edge wanders between the cortex and beyond the fluid."""
    brain = ((target > 0) & (target != _CSF)).float()
    coarse = functional.avg_pool3d(brain[None, None], 2)
    smooth = blur(coarse[0, 0], (uniform(0.8, 2.2, generator),) * 3)
    smooth = functional.interpolate(smooth[None, None], size=target.shape, mode="trilinear")[0, 0]
    wander = smooth_field(shape_of(target), 16, generator)[0] * uniform(0, 0.12, generator)
    edge = uniform(0.15, 0.55, generator)
    return ((smooth + wander - edge) * 40).clamp_(0, 1)


def _bright_centre(shape: tuple[int, int, int], generator: Generator) -> Tensor:
    """Return a gain that falls with the square of the distance from a point in the middle of the head.

    Between the middle of the head and the cortex, white matter of 3 T scans loses a fifth of its
    signal (measured on three scans of ds002748: 1.1 to 1.14 of its median within 10 mm, 0.9 at 65 mm).
    """
    strength = uniform(0.0, 0.4, generator)
    centre = 20 * normal((3,), generator)
    total = torch.zeros(shape, device=generator.device)
    for axis, n in enumerate(shape):
        x = torch.arange(n, device=generator.device) - (n - 1) / 2 - centre[axis]
        view = [1, 1, 1]
        view[axis] = n
        total = total + (x / 70).square().view(view)
    return torch.exp(-strength * total)


def _scan(image: Tensor, *, thick: bool, generator: Generator) -> Tensor:
    """Return the image with a bias field, thick slices for a share, and noise."""
    shape = shape_of(image)
    bias = smooth_field(shape, uniform(50, 110, generator), generator)[0] * uniform(0, 0.25, generator)
    image = image * bias.exp()
    noise = uniform(0, 0.03, generator)
    if thick:
        return _thick_slices(image, noise, generator)
    return image + noise * normal(shape, generator) * (image > 0.01)


def _thick_slices(image: Tensor, noise: float, generator: Generator) -> Tensor:
    """Return the image after acquisition with large voxels, resampled to 1 mm.

    Slices of 1.5 to 5 mm along one axis, or voxels of 1.5 to 2.5 mm.
    """
    spacing = [1.0, 1.0, 1.0]
    if chance(0.35, generator):
        spacing = [uniform(1.5, 2.5, generator)] * 3
    else:
        spacing[int(uniform(0, 3, generator))] = uniform(1.5, 5.0, generator)
    width = 0.4 * uniform(0.6, 1.1, generator)
    sigma = [width * step if step > 1 else 0.0 for step in spacing]
    image = blur(image, (sigma[0], sigma[1], sigma[2]))
    size = [max(4, round(n / step)) for n, step in zip(image.shape, spacing, strict=True)]
    low = functional.interpolate(image[None, None], size=size, mode="trilinear", align_corners=True)
    low = low + noise * normal(tuple(low.shape), generator) * (low > 0.01)
    return functional.interpolate(low, size=image.shape, mode="trilinear", align_corners=True)[0, 0]


def _rescale(image: Tensor, generator: Generator) -> Tensor:
    """Return the image scaled to about 0 to 1, with a random gamma."""
    image = image.clamp_min(0)
    sample = image.flatten()[:: max(1, image.numel() // 20000)]
    inside = sample[sample > 0.01]
    top = torch.quantile(inside, uniform(0.97, 1.0, generator)) if len(inside) > 100 else image.max()
    gamma = float(torch.exp(0.2 * normal((), generator)))
    return (image / top.clamp_min(1e-3)).clamp_max(1.5) ** gamma
