"""From labels to an image that could have come from a scanner, and the target that belongs to it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from makers.synthesis.anatomy import T1_PRIOR, Codebook
from makers.synthesis.deformation import draw_codes
from makers.synthesis.fields import Draws, blur, chance, normal, shape_of, smooth_field, uniform
from makers.synthesis.labelmaps import TrainingMap

_CSF, _CORTEX, _WHITE = 16, 2, 1
_VENTRICLES = (3, 4)
_THIRD, _FOURTH = 11, 12


@dataclass(frozen=True)
class Recipe:
    """How often each kind of rendering is drawn (shares of 1)."""

    t1_like: float = 0.92
    stripped: float = 0.7
    thick_slices: float = 0.22
    enlarged_ventricles: float = 0.25
    narrowed_ventricles: float = 0.45
    atrophy: float = 0.3
    saturation: float = 0.15
    narrow_sulci: float = 0.75
    bright_centre: float = 0.75
    layered_head: float = 0.8


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
    generator: Draws,
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
    codes, flip = draw_codes(source.codes, centre, shape, generator)
    codes = codes.to(torch.int64)
    tissue, target, side = codebook.tissue[codes], codebook.target[codes], codebook.side[codes]
    if flip:
        side = (3 - side) * (side > 0)
    becomes = tissue.clone()
    if chance(recipe.enlarged_ventricles, generator):
        tissue, target = _enlarge_ventricles(tissue, target, codebook, generator)
        becomes = tissue.clone()
    elif chance(recipe.narrowed_ventricles, generator):
        _narrow_ventricles(becomes, target, side, generator)
    if chance(recipe.atrophy, generator):
        sulci = _widen_sulci(target, generator)
        target, side = target.masked_fill(sulci, _CSF), side.masked_fill(sulci, 0)
        fluid = _tissue_index(codebook, 24)
        tissue, becomes = tissue.masked_fill(sulci, fluid), becomes.masked_fill(sulci, fluid)
    elif chance(recipe.narrow_sulci, generator):
        tight = _narrow_sulci(target, side, generator)
        target = target.masked_fill(tight, _CORTEX)
        becomes = becomes.masked_fill(tight, _tissue_index(codebook, 3))
    t1_like, stripped = chance(recipe.t1_like, generator), chance(recipe.stripped, generator)
    layers = None
    if t1_like and not stripped and chance(recipe.layered_head, generator):
        layers, target = _layer_head(target, generator)
    image = paint_tissues(
        tissue, codebook, t1_like=t1_like, generator=generator, becomes=becomes, layers=layers
    )
    if stripped:
        keep = _skull_strip(target, generator)
        image = image * keep
        if chance(0.6, generator):  # most stripped images were resampled after stripping: their edge is soft
            image = blur(image, (uniform(0.3, 0.7, generator),) * 3)
        target = target * (keep > 0.5)
        side = side * (keep > 0.5)
    if chance(recipe.bright_centre, generator):
        image = image * _bright_centre(shape, generator)
    image = _scan(image, thick=chance(recipe.thick_slices, generator), generator=generator)
    image = _rescale(image, generator)
    if chance(recipe.saturation, generator):  # normalised images are cut off at white matter
        image = image.clamp_max(uniform(0.75, 1.0, generator))
    return Example(image, target, side)


def _draw_centre(source: TrainingMap, generator: Draws) -> Tensor:
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
    tissue: Tensor, target: Tensor, codebook: Codebook, generator: Draws
) -> tuple[Tensor, Tensor]:
    """Let the lateral ventricles grow by 1 to 5 mm into what surrounds them, often the others too."""
    n_voxels = int(uniform(1, 5.5, generator))
    growing: list[tuple[int, int, int, tuple[int, ...]]] = [(_VENTRICLES[0], 4, n_voxels, (_WHITE, 7, 8, 4))]
    if chance(0.6, generator):
        growing.append((_THIRD, 14, 1 if chance(0.6, generator) else 2, (7, _WHITE, 18)))
    if chance(0.5, generator):  # temporal horns
        growing.append((_VENTRICLES[1], 5, 1, (14, _WHITE, 15)))
    for channel, label, times, neighbours in growing:
        into = torch.isin(target, torch.tensor(neighbours, device=target.device))
        grown = (_grow((target == channel).float(), times) > 0) & into
        tissue = tissue.masked_fill(grown, _tissue_index(codebook, label))
        target = target.masked_fill(grown, channel)
    return tissue, target


def _narrow_ventricles(becomes: Tensor, target: Tensor, side: Tensor, generator: Draws) -> None:
    """Let what surrounds the ventricles grow into them by 1 or 2 mm, in patches; all three are changed.

    A removed voxel takes the structure, side and tissue of a neighbour. The ventricles of young subjects are
    slits in places, narrower than those of any label map.
    """
    fluid = torch.zeros_like(target, dtype=torch.bool)
    for channel in (*_VENTRICLES, *(c for c in (_THIRD, _FOURTH) if chance(0.5, generator))):
        fluid |= target == channel
    patches = smooth_field(shape_of(target), 25, generator)[0] > uniform(-2.0, 0.5, generator)
    for _ in range(1 if chance(0.6, generator) else 2):
        rims = torch.zeros_like(fluid)
        for axis in range(3):
            for step in (1, -1):
                rim = fluid & patches & ~rims & ~fluid.roll(step, axis) & (target.roll(step, axis) != _CSF)
                for values in (becomes, target, side):
                    values[rim] = values.roll(step, axis)[rim]
                rims |= rim
        fluid &= ~rims


def _narrow_sulci(target: Tensor, side: Tensor, generator: Draws) -> Tensor:
    """Return where the cortex grows by 1 mm into the fluid around it, in patches; ``side`` is set.

    Young brains have tight sulci.
    """
    cortex = (target == _CORTEX).float()
    patches = smooth_field(shape_of(target), 20, generator)[0] > uniform(-1.5, 1.0, generator)
    grown = (_grow(cortex, 1) > 0) & (target == _CSF) & patches
    left = _grow(((target == _CORTEX) & (side == 1)).float(), 1) > 0
    side[grown] = torch.where(left, 1, 2)[grown].to(side.dtype)
    return grown


def _widen_sulci(target: Tensor, generator: Draws) -> Tensor:
    """Return where the fluid grows by 1 mm into the cortex, in patches, as in old brains."""
    fluid = _grow((target == _CSF).float(), 1) > 0
    patches = smooth_field(shape_of(target), 25, generator)[0] > uniform(-0.5, 1.5, generator)
    return fluid & (target == _CORTEX) & patches


def paint_tissues(
    tissue: Tensor,
    codebook: Codebook,
    *,
    t1_like: bool,
    generator: Draws,
    becomes: Tensor | None = None,
    layers: Tensor | None = None,
) -> Tensor:
    """Return intensities: mean of the tissue, slow and fast variation within it, then partial volume.

    Parameters
    ----------
    tissue : Tensor of int64, (I, J, K)
        Tissue classes of the codebook.
    t1_like : bool
        Means near those of T1w images, or uniform between 0 and 1.
    becomes : Tensor of int64, (I, J, K), optional
        Where it differs from ``tissue`` a voxel is shared: fluid of a tight sulcus or a narrow ventricle and
        the tissue around it.
    layers : Tensor, (I, J, K), optional
        Means outside the brain that replace those of the tissues; NaN where nothing is replaced.
    """
    shape = shape_of(tissue)
    means, spreads, slow = _draw_contrast(codebook, t1_like=t1_like, generator=generator)
    variation = smooth_field(shape, uniform(5, 14, generator), generator)[0] * slow[tissue]
    grain = normal(shape, generator)
    grain = 2.0 * blur(grain, (0.7, 0.7, 0.7)) if chance(0.5, generator) else grain
    mean = means[tissue]
    if becomes is not None:
        mean = mean + uniform(0.5, 1.0, generator) * (means[becomes] - mean)
    if layers is not None:
        mean = torch.where(layers.isnan(), mean, layers)
    image = mean + variation + grain * spreads[tissue]
    return blur(image, (uniform(0.3, 0.75, generator),) * 3)


def _draw_contrast(codebook: Codebook, *, t1_like: bool, generator: Draws) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, fine spread and slow spread of each tissue, (n_tissues,)."""
    n = len(codebook.tissues)
    means = torch.rand(n, generator=generator.scalars)
    spreads = uniform(0.005, 0.08, generator) * torch.rand(n, generator=generator.scalars)
    if t1_like:
        prior = torch.tensor([T1_PRIOR.get(int(t), (0.0, 0.0)) for t in codebook.tissues])
        has_prior = prior[:, 0] > 0
        sample = prior[:, 0] + uniform(0.3, 1.5, generator) * prior[:, 1] * normal((n,), generator)
        # Grey matter as a whole comes nearer to white matter or departs from it (field strength, sequence,
        # age).
        sample = 1 - (1 - sample) * uniform(0.75, 1.2, generator)
        means = torch.where(has_prior, sample.clamp(0.02, 1.3), means * 1.2)
        spreads = uniform(0.005, 0.04, generator) * (0.6 + 0.8 * torch.rand(n, generator=generator.scalars))
    means[0] = 0.0 if chance(0.7, generator) else uniform(0, 0.1 if t1_like else 1.0, generator)
    spreads[0] *= 0.3
    slow = uniform(0.0, 0.08, generator) * (0.5 + torch.rand(n, generator=generator.scalars))
    slow[0] = 0.0
    return means.to(generator.device), spreads.to(generator.device), slow.to(generator.device)


def _layer_head(target: Tensor, generator: Draws) -> tuple[Tensor, Tensor]:
    """Return means of dura, bone and marrow around the brain (NaN elsewhere), and the target without dura.

    Dura is 1 or 2 mm of grey around the fluid, in patches also in place of its outermost part, so that it
    lies on the cortex; bone around it is dark and holds bright marrow.
    """
    shape = shape_of(target)
    layers = torch.full(shape, torch.nan, device=target.device)
    inside = (target > 0).float()
    coarse = functional.max_pool3d(inside[None, None], 2)[0, 0]
    reach = [_fine(_grow(coarse, n), shape) for n in (1, int(uniform(3, 6, generator)))]
    outside = target == 0
    if chance(0.7, generator):
        layers[outside & reach[1]] = uniform(0.02, 0.25, generator)
    marrow = smooth_field(shape, uniform(8, 25, generator), generator)[0] > uniform(-0.8, 0.8, generator)
    layers[outside & reach[1] & ~reach[0] & marrow] = uniform(0.3, 1.2, generator)
    patches = smooth_field(shape, 20, generator)[0]
    shell = (_grow(inside, 1 if chance(0.6, generator) else 2) > 0) & outside
    dura = shell & (patches > uniform(-2.0, 0.8, generator))
    if chance(0.6, generator):
        brain = _grow((inside > 0).float() * (target != _CSF), 1 if chance(0.5, generator) else 0) > 0
        inward = _grow(outside.float(), 1 if chance(0.5, generator) else 2) > 0
        dura |= inward & (target == _CSF) & ~brain & (patches > uniform(-1.0, 1.0, generator))
    layers[dura] = uniform(0.3, 0.9, generator)
    return layers, target.masked_fill(dura, 0)


def _fine(mask: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return a mask of 2 mm voxels at 1 mm."""
    return functional.interpolate(mask[None, None], size=shape, mode="nearest")[0, 0] > 0


def _skull_strip(target: Tensor, generator: Draws) -> Tensor:
    """Return a soft mask of a stripped brain; its edge wanders between the cortex and beyond the fluid."""
    brain = ((target > 0) & (target != _CSF)).float()
    coarse = functional.avg_pool3d(brain[None, None], 2)
    smooth = blur(coarse[0, 0], (uniform(0.8, 2.2, generator),) * 3)
    smooth = functional.interpolate(smooth[None, None], size=target.shape, mode="trilinear")[0, 0]
    wander = smooth_field(shape_of(target), 16, generator)[0] * uniform(0, 0.12, generator)
    edge = uniform(0.15, 0.55, generator)
    return ((smooth + wander - edge) * 40).clamp_(0, 1)


def _bright_centre(shape: tuple[int, int, int], generator: Draws) -> Tensor:
    """Return a gain that falls with the square of the distance from a point in the middle of the head.

    Between the middle of the head and the cortex, white matter of 3 T scans loses a fifth of its
    signal (measured on three scans of ds002748: 1.1 to 1.14 of its median within 10 mm, 0.9 at 65 mm).
    """
    strength = uniform(0.0, 0.4, generator)
    centre = (20 * normal((3,), generator)).tolist()
    total = torch.zeros(shape, device=generator.device)
    for axis, n in enumerate(shape):
        x = torch.arange(n, device=generator.device) - (n - 1) / 2 - centre[axis]
        view = [1, 1, 1]
        view[axis] = n
        total = total + (x / 70).square().view(view)
    return torch.exp(-strength * total)


def _scan(image: Tensor, *, thick: bool, generator: Draws) -> Tensor:
    """Return the image with a bias field, thick slices for a share, and noise."""
    shape = shape_of(image)
    bias = smooth_field(shape, uniform(50, 110, generator), generator)[0] * uniform(0, 0.25, generator)
    image = image * bias.exp()
    noise = uniform(0, 0.03, generator)
    if thick:
        return _thick_slices(image, noise, generator)
    return image + noise * normal(shape, generator) * (image > 0.01)


def _thick_slices(image: Tensor, noise: float, generator: Draws) -> Tensor:
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


def _rescale(image: Tensor, generator: Draws) -> Tensor:
    """Return the image scaled to about 0 to 1, with a random gamma."""
    image = image.clamp_min(0)
    sample = image.flatten()[:: max(1, image.numel() // 20000)]
    inside = sample[sample > 0.01]
    top = torch.quantile(inside, uniform(0.97, 0.999, generator)) if len(inside) > 100 else image.max()
    image = (image / top.clamp_min(1e-3)).clamp_max(1.5)
    gamma = float(torch.exp(0.3 * normal((), generator)))
    image = image**gamma
    if chance(0.3, generator):  # a curve that is steep in the middle or at the ends
        bend, middle, inner = uniform(-0.6, 0.6, generator), uniform(0.3, 0.7, generator), image.clamp_max(1)
        image = image + bend * inner * (1 - inner) * (inner - middle)
    return image
