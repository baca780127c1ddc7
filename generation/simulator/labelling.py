"""From atlas positions to a label map with exact volumes.

Every boundary is a level of a signed distance, so a structure grows or shrinks by moving its level: deep
structures by a search over their levels, white matter and cortex by the quantile of the cortical depth that
holds the target volume. Left and right are separate.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plausibrain.cohorts.structures import homologue, structure
from plausibrain.generation.simulator.anatomy import Anatomy, Field
from plausibrain.generation.simulator.deformation import fold
from plausibrain.generation.simulator.spatial import resize, sample, smooth, voxel_grid

# The steps become smaller so that structures of a few voxels settle.
N_SEARCH = 18
FIRST_DAMPING, LAST_DAMPING = 0.9, 0.2
LARGEST_SHIFT_MM = 0.6
LARGEST_LEVEL_MM = 4.0
FAR_MM = 20.0
# Folding patterns take turns over patches of this width (voxels of 4 mm), sharply: the factor of the softmax.
PATCH_WIDTH = 4.0
PATCH_CONTRAST = 10.0
CSF, BONE, MARROW, SOFT_TISSUE, SKIN, EYES, MUCOSA, VEIN, MUSCLE, CORD = (
    24, 515, 516, 507, 511, 506, 509, 514, 508, 512,
)  # fmt: skip
SKIN_MM = 3.0
# Cerebellar white matter divides into about nine branches in the vermis; folia are about 3 mm apart.
N_BRANCHES, BRANCH_MM, BRANCH_RADIUS_MM, BRANCH_ROOT_MM = 9, 1.8, 18.0, 8.0
N_FISSURES = 27
BRAIN_TO_SKULL_MM = 0.5
CEREBRUM_MARGIN_MM = 5.0


@dataclass
class Depths:
    """What a subject's boundaries are made of, on the subject's grid (I, J, K).

    Attributes
    ----------
    left : Tensor of bool
        Side of each voxel.
    deep : Tensor, (I, J, K)
        Distance to the nearest deep structure, its level subtracted, mm.
    deep_label : Tensor of int32
        Which deep structure that is.
    cortex, cerebellum : Tensor
        Depth from white matter, mm, with the level of the grey-white boundary subtracted.
    pial : Tensor
        Depth from white matter, mm, with the level of the outer boundary of the cortex subtracted.
    cerebellum_hull : Tensor
        Distance to the cerebellum, its level subtracted, mm.
    fissures : Tensor
        1 in the fissures between the folia of the cerebellum, 0 between them.
    hulls : Tensor, (C, I, J, K)
        Signed distances to the envelopes, mm.
    """

    left: Tensor
    deep: Tensor
    deep_label: Tensor
    cortex: Tensor
    pial: Tensor
    cerebellum: Tensor
    cerebellum_hull: Tensor
    fissures: Tensor
    hulls: Tensor


def draw_patterns(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Field, Field]:
    """Return one subject's folding: per side a patchwork of the model's patterns, cortex and cerebellum.

    Parameters
    ----------
    anatomy : Anatomy
        Holds the patterns.
    rng : numpy.random.Generator
        The subject's.

    Returns
    -------
    tuple of Field
        Two channels each: left and right.
    """
    cortex = [patchwork(anatomy.cortex, rng) for _ in range(2)]
    cerebellum = [patchwork(anatomy.cerebellum, rng) for _ in range(2)]
    return (
        Field(torch.stack(cortex), anatomy.cortex.low_mm, anatomy.cortex.step_mm),
        Field(torch.stack(cerebellum), anatomy.cerebellum.low_mm, anatomy.cerebellum.step_mm),
    )


def patchwork(patterns: Field, rng: np.random.Generator) -> Tensor:
    """Return a blend of patterns whose weights are a softmax of smooth noise: patches with soft seams."""
    n, *shape = patterns.data.shape
    coarse = [max(2, int(np.ceil(size * patterns.step_mm / 4.0))) for size in shape]
    noise = smooth(torch.from_numpy(rng.standard_normal((n, *coarse), dtype=np.float32)), PATCH_WIDTH)
    weights = torch.softmax(PATCH_CONTRAST * noise / noise.std(), dim=0)
    blend = torch.zeros(shape)
    for pattern, weight in zip(patterns.data, weights, strict=True):
        blend += pattern * resize(weight[None], shape)[0]
    return blend


def locate(anatomy: Anatomy, patterns: tuple[Field, Field], atlas: Tensor) -> Depths:
    """Return distances and depths at atlas positions, before any level is moved.

    Parameters
    ----------
    anatomy : Anatomy
        The model.
    patterns : tuple of Field
        From `draw_patterns`.
    atlas : Tensor, (3, I, J, K)
        Atlas position (mm) of each voxel of the subject's grid.

    Returns
    -------
    Depths
        `deep` still holds nothing.
    """
    left = atlas[0] < 0
    half = fold(atlas)
    cortex, cerebellum = (own_side(field, half, left) for field in patterns)
    hulls = sample(anatomy.hull.data, anatomy.hull.voxels(half))
    far = torch.full_like(cortex, FAR_MM)
    branches, fissures = folia(anatomy, half)
    return Depths(
        left=left,
        deep=far,
        deep_label=torch.zeros_like(far, dtype=torch.int32),
        cortex=cortex,
        pial=cortex.clone(),
        cerebellum=cerebellum - branches,
        fissures=fissures,
        cerebellum_hull=hulls[anatomy.envelope("cerebellum")],
        hulls=hulls,
    )


def own_side(field: Field, half: Tensor, left: Tensor) -> Tensor:
    """Return the first channel of a field on the left and the second on the right."""
    both = sample(field.data, field.voxels(half))
    return torch.where(left, both[0], both[1])


def folia(anatomy: Anatomy, half: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far cerebellar white matter branches outwards (mm), and where fissures are (0 to 1).

    Notes
    -----
    Folia are too fine for the label maps the model is estimated from. Their fissures point at the middle of
    the cerebellum, seen from the side, so both are waves of the angle around it; the subject's deformation
    bends them.
    """
    share = anatomy.soft.data[anatomy.soft_names.index("CB")]
    weights = share / share.sum()
    middle = [
        float(anatomy.soft.low_mm[axis]) + anatomy.soft.step_mm * float((weights * grid).sum())
        for axis, grid in enumerate(voxel_grid(share.shape))
    ]
    forward, up = half[1] - middle[1] - BRANCH_ROOT_MM, half[2] - middle[2]
    radius = torch.sqrt(forward**2 + up**2)
    angle = torch.atan2(up, forward)
    reach = (radius / BRANCH_RADIUS_MM).clamp(max=1.0)
    branches = BRANCH_MM * reach * torch.cos(N_BRANCHES * angle + 0.10 * half[0])
    fissures = reach * torch.cos(N_FISSURES * angle + 0.15 * half[0]).clamp(min=0.0) ** 2
    return branches, fissures


def box_of(anatomy: Anatomy, atlas: Tensor, margin_mm: float = 2.0) -> tuple[slice, slice, slice]:
    """Return the part of the subject's grid that may hold deep structures."""
    field = anatomy.deep
    high = field.low_mm + field.step_mm * (torch.tensor(field.data.shape[1:]) - 1.0)
    half = fold(atlas)
    inside = torch.ones(atlas.shape[1:], dtype=torch.bool, device=atlas.device)
    for axis in range(3):
        low = float(field.low_mm[axis]) - margin_mm
        inside &= (half[axis] >= low) & (half[axis] <= float(high[axis]) + margin_mm)
    slices = []
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        hit = torch.nonzero(inside.any(dim=others[1]).any(dim=others[0]))
        slices.append(slice(int(hit.min()), int(hit.max()) + 1))
    return slices[0], slices[1], slices[2]


def set_deep_levels(
    depths: Depths, anatomy: Anatomy, atlas: Tensor, volumes: Mapping[str, float], voxel_mm3: float
) -> None:
    """Move the levels of the deep structures, in place, until each has its volume.

    Notes
    -----
    Newton's step for the volume inside a level is the missing volume over the area of the boundary.
    Structures compete: a voxel belongs to the one whose level it lies deepest under.
    """
    box = box_of(anatomy, atlas)
    distances = sample(anatomy.deep.data, anatomy.deep.voxels(fold(atlas[(slice(None), *box)])))
    left = depths.left[box]
    counts = torch.tensor([deep_targets(label, volumes) for label in anatomy.deep_ids]) / voxel_mm3
    near = distances.min(dim=0).values < LARGEST_LEVEL_MM
    levels = search_levels(distances[:, near], left[near], counts.to(left.device), voxel_mm3 ** (1 / 3))
    nearest, index = nearest_structure(distances, levels, left)
    ids = torch.tensor([[label, right_label(label)] for label in anatomy.deep_ids], dtype=torch.int32)
    depths.deep[box] = nearest
    depths.deep_label[box] = torch.where(left, ids[index, 0], ids[index, 1])


def search_levels(distances: Tensor, left: Tensor, goals: Tensor, step: float) -> Tensor:
    """Return the level of each structure by side, mm, (S, 2), under which it has the wanted number of voxels.

    Parameters
    ----------
    distances : Tensor, (S, N)
        Signed distance of each voxel to each structure, mm.
    left : Tensor of bool, (N,)
        Side of each voxel.
    goals : Tensor, (S, 2)
        Voxels on the left and on the right.
    step : float
        Voxel size, mm.

    Returns
    -------
    Tensor, (S, 2)
        The levels met on the way that came nearest, structure by structure.
    """
    levels = torch.zeros_like(goals)
    best, best_miss = levels.clone(), torch.full_like(goals, torch.inf)
    for damping in np.linspace(FIRST_DAMPING, LAST_DAMPING, N_SEARCH):
        nearest, index = nearest_structure(distances, levels, left)
        counts, areas = count_sides(nearest, index, left, len(levels), step)
        miss = (goals - counts).abs()
        better = miss < best_miss
        best, best_miss = torch.where(better, levels, best), torch.where(better, miss, best_miss)
        shift = float(damping) * step * (goals - counts) / areas.clamp(min=4.0)
        levels = (levels + shift.clamp(-LARGEST_SHIFT_MM, LARGEST_SHIFT_MM)).clamp(
            -LARGEST_LEVEL_MM, LARGEST_LEVEL_MM
        )
    return best


def nearest_structure(distances: Tensor, levels: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
    """Return the smallest distance less its level, and the structure it belongs to."""
    nearest = torch.full_like(distances[0], torch.inf)
    index = torch.zeros_like(left, dtype=torch.int64)
    for structure_index, distance in enumerate(distances):
        own = distance - torch.where(left, levels[structure_index, 0], levels[structure_index, 1])
        closer = own < nearest
        nearest = torch.where(closer, own, nearest)
        index[closer] = structure_index
    return nearest, index


def count_sides(nearest: Tensor, index: Tensor, left: Tensor, n: int, step: float) -> tuple[Tensor, Tensor]:
    """Return voxels inside each structure and on its boundary, by side, (S, 2)."""
    code = 2 * index + (~left).long()
    inside = torch.bincount(code[nearest < 0], minlength=2 * n).view(n, 2).float()
    edge = torch.bincount(code[nearest.abs() < step / 2], minlength=2 * n).view(n, 2).float()
    return inside, edge


def deep_targets(label: int, volumes: Mapping[str, float]) -> tuple[float, float]:
    """Return the target volumes on the left and on the right, mm3; a midline one is shared evenly."""
    name = structure(label).name
    other = homologue(name)
    if other is None:
        return volumes[name] / 2, volumes[name] / 2
    return volumes[name], volumes[other]


def right_label(label: int) -> int:
    """Return the label of the other side, or the label itself on the midline."""
    other = homologue(structure(label).name)
    return label if other is None else structure(other).index


def set_cortical_levels(
    depths: Depths, anatomy: Anatomy, volumes: Mapping[str, float], voxel_mm3: float
) -> None:
    """Move the levels of head, cerebellum, white matter and cortex, in place, so that each has its volume."""
    skull = depths.hulls[anatomy.envelope("intracranial")]
    inner = level_of_volume(skull, volumes["TIV"] / voxel_mm3)
    depths.hulls -= inner
    free = (skull < -BRAIN_TO_SKULL_MM) & (depths.deep >= 0)
    cerebrum = free & (depths.hulls[anatomy.envelope("cerebrum")] < CEREBRUM_MARGIN_MM)
    for side, mask in (("Left", depths.left), ("Right", ~depths.left)):
        hull = torch.where(free & mask, depths.cerebellum_hull, FAR_MM)
        white, grey = (
            volumes[f"{side}-Cerebellum-{part}"] / voxel_mm3 for part in ("White-Matter", "Cortex")
        )
        depths.cerebellum_hull = torch.where(
            mask, depths.cerebellum_hull - level_of_volume(hull, white + grey), depths.cerebellum_hull
        )
        inside = free & mask & (depths.cerebellum_hull < 0)
        core = torch.where(inside, depths.cerebellum, FAR_MM)
        depths.cerebellum[mask] -= level_of_volume(core, white)
        mantle = torch.where(cerebrum & mask & (depths.cerebellum_hull >= 0), depths.cortex, FAR_MM)
        white, grey = (volumes[f"{side}-Cerebral-{part}"] / voxel_mm3 for part in ("White-Matter", "Cortex"))
        boundary, outer = level_of_volume(mantle, white), level_of_volume(mantle, white + grey)
        depths.cortex[mask] -= boundary
        depths.pial[mask] -= outer


def level_of_volume(depth: Tensor, n_voxels: float) -> float:
    """Return the level below which a depth map has a number of voxels."""
    flat = depth.flatten()
    rank = int(min(max(round(n_voxels), 1), flat.numel()))
    return float(torch.kthvalue(flat, rank).values)


def label_map(depths: Depths, anatomy: Anatomy) -> Tensor:
    """Return the label of each voxel, int32, FreeSurfer ids; outside the head 0."""
    left = depths.left

    def sided(on_left: int) -> Tensor:
        return torch.where(left, on_left, right_label(on_left)).int()

    labels = outer_labels(depths, anatomy)
    inside = depths.hulls[anatomy.envelope("intracranial")] <= 0
    labels[inside] = CSF
    brain = depths.hulls[anatomy.envelope("intracranial")] < -BRAIN_TO_SKULL_MM
    cerebrum = brain & (depths.hulls[anatomy.envelope("cerebrum")] < CEREBRUM_MARGIN_MM)
    labels = torch.where(cerebrum & (depths.pial <= 0), sided(3), labels)
    labels = torch.where(cerebrum & (depths.cortex <= 0), sided(2), labels)
    cerebellum = brain & (depths.cerebellum_hull <= 0)
    labels = torch.where(cerebellum, sided(8), labels)
    labels = torch.where(cerebellum & (depths.cerebellum <= 0), sided(7), labels)
    return torch.where(depths.deep < 0, depths.deep_label, labels)


def outer_labels(depths: Depths, anatomy: Anatomy) -> Tensor:
    """Return the labels outside the brain: skin, soft tissue, bone, marrow, eyes, mucosa, vessels, cord."""
    head = depths.hulls[anatomy.envelope("head")]
    labels = torch.where(head < -SKIN_MM, SOFT_TISSUE, torch.where(head <= 0, SKIN, 0)).int()
    parts = {"skull": BONE, "marrow": MARROW, "mucosa": MUCOSA, "eyes": EYES, "muscle": MUSCLE, "sinus": VEIN}
    for name, label in (parts | {"spine": CORD}).items():
        labels[(depths.hulls[anatomy.envelope(name)] < 0) & (head <= 0)] = label
    return labels
