"""Dividing the cortex of a segmentation into the 68 Desikan-Killiany parcels.

Each hemisphere is brought into a standard position by where its tissue lies, an atlas of the 34 parcels is
corrected there by a small network that sees the folds, and every voxel of cortex is divided by the shares
that result. So the soft volumes of the parcels of a hemisphere sum to the cortex of that hemisphere, whatever
the parcels are. What moves it: cortex that was segmented badly (the parcels divide it, they do not mend it)
and folds unlike those of the six brains whose parcels are known.
"""

from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import as_file, files
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from plausibrain.cohorts.arithmetic import fast_autocast
from plausibrain.cohorts.errors import ToolError
from plausibrain.cohorts.image_parts import run_parts
from plausibrain.cohorts.structures import STRUCTURES, structure
from plausibrain.evaluation.networks.half_resolution_unet import channels_last, unfold
from plausibrain.evaluation.networks.parcellation_unet import N_PARCELS, ParcellationUNet
from plausibrain.evaluation.posteriors import SMALLEST, Posteriors
from plausibrain.evaluation.standard_hemisphere import (
    BLOCK,
    block_places,
    fit_affine,
    halved,
    inverse,
    sample,
)

WEIGHTS = "parcellation.safetensors"
#: FreeSurfer labels of the 34 parcels of each hemisphere, in the order of the network's channels.
PARCELS: dict[str, tuple[int, ...]] = {
    side: tuple(sorted(s.index for s in STRUCTURES if s.atlas == "dk" and s.hemisphere == side))
    for side in ("left", "right")
}
#: Channels of the segmenter: cortex; thalamus and basal ganglia; hippocampus and amygdala.
_CORTEX, _DEEP, _MEDIAL = 2, (7, 8, 9, 10, 17), (14, 15)
#: Less cortex than this in a hemisphere, mm3, has no position: its parcels are equal parts.
_LEAST_CORTEX_MM3 = 1000.0
_CHUNK = 100_000


@dataclass(frozen=True)
class Parcellation:
    """The atlas, the template that hemispheres are brought to, and the network that corrects the atlas.

    Attributes
    ----------
    network : ParcellationUNet
    template : Tensor, (4, I', J', K')
        The standard block in voxels of 4 mm.
    """

    network: ParcellationUNet
    template: Tensor


@dataclass(frozen=True)
class DividedCortex:
    """Parcels of one hemisphere at the voxels that hold some of its cortex.

    Attributes
    ----------
    labels : tuple of int
        FreeSurfer labels of the columns.
    places : Tensor of int64, (3, n)
        Voxels of the posteriors' grid.
    shares : Tensor of float32, (n, 34)
        Sum to one.
    cortex : Tensor of float32, (n,)
        Posterior of this hemisphere's cortex.
    """

    labels: tuple[int, ...]
    places: Tensor
    shares: Tensor
    cortex: Tensor


def divide_cortex(
    posteriors: Posteriors, answer_mm: int, parcellation: Parcellation | None = None
) -> list[DividedCortex]:
    """Return the parcels of the left and of the right hemisphere.

    Parameters
    ----------
    posteriors : Posteriors
        Axes run to the right, forward and up; voxels of ``answer_mm``.
    answer_mm : {1, 2}
    parcellation : Parcellation, optional
        That of the package where none is given.
    """
    parcellation = load_parcellation() if parcellation is None else parcellation
    p = posteriors.structures
    cortex = torch.where(p[_CORTEX] > SMALLEST, p[_CORTEX], 0.0)
    deep, medial = p[list(_DEEP)].sum(0), p[list(_MEDIAL)].sum(0)

    def half(side: str) -> DividedCortex:
        own = posteriors.left if side == "left" else 1 - posteriors.left
        tissue = torch.stack([cortex * own, deep * own, medial * own, cortex * (1 - own)])
        tissue = tissue if side == "left" else tissue.flip(1)
        places = tissue[0].nonzero().T
        amount = tissue[0][tuple(places)]
        shares = parcel_shares(tissue, places, answer_mm, parcellation)
        if side == "right":
            places = torch.stack([tissue.shape[1] - 1 - places[0], *places[1:]])
        return DividedCortex(PARCELS[side], places, shares, amount)

    return list(run_parts(lambda: half("left"), lambda: half("right")))


@torch.no_grad()
def parcel_shares(tissue: Tensor, places: Tensor, voxel_mm: int, parcellation: Parcellation) -> Tensor:
    """Return the shares of 34 parcels at voxels of a left hemisphere, (n, 34).

    Parameters
    ----------
    tissue : Tensor, (4, I, J, K)
        Cortex, thalamus and basal ganglia, hippocampus and amygdala, and the other cortex.
    places : Tensor of int64, (3, n)
    voxel_mm : {1, 2}
        Of ``tissue``.
    parcellation : Parcellation
    """
    if float(tissue[0].sum()) * voxel_mm**3 < _LEAST_CORTEX_MM3:
        return torch.full((places.shape[1], N_PARCELS), 1 / N_PARCELS)
    shares = halved(tissue) if voxel_mm == 1 else tissue
    affine = fit_affine(shares, parcellation.template)
    logits = block_logits(sample(shares, affine, block_places()), parcellation.network)
    back = inverse(affine)
    scale, shift = (0.5, -0.25) if voxel_mm == 1 else (1.0, 0.0)
    parts = [
        sample(logits, back, part * scale + shift, outside="border").T.softmax(1)
        for part in places.float().split(_CHUNK, dim=1)
    ]
    return torch.cat(parts)


@torch.no_grad()
def block_logits(shares: Tensor, network: ParcellationUNet) -> Tensor:
    """Return the logits of the parcels in the standard block, (34, *BLOCK), of shares, (4, *BLOCK)."""
    with fast_autocast("cpu"):
        out = network(shares[None])
    return (unfold(out)[0].float() + network.prior()).reshape(-1, *BLOCK)


def parcel_volumes(halves: list[DividedCortex], voxel_mm3: float) -> dict[str, float]:
    """Return soft volumes of the 68 parcels, mm3; those of a hemisphere sum to its cortex."""
    volumes: dict[str, float] = {}
    sums = run_parts(*(partial(_sums, half) for half in halves))
    for half, parts in zip(halves, sums, strict=True):
        mm3 = (parts * voxel_mm3).tolist()
        volumes |= {structure(k).name: v for k, v in zip(half.labels, mm3, strict=True)}
    return volumes


def _sums(half: DividedCortex) -> Tensor:
    """Return the soft voxels of each parcel, (34,)."""
    return (half.shares * half.cortex[:, None]).sum(0, dtype=torch.float64)


@cache
def load_parcellation() -> Parcellation:
    """Return the parcellation of the package, ready to run."""
    resource = files("plausibrain.evaluation.weights").joinpath(WEIGHTS)
    if not resource.is_file():
        raise ToolError(
            f"expected {WEIGHTS} in this installation (evaluation/weights), found none; "
            "install the package again, or segment with parcels=0"
        )
    with as_file(resource) as path:
        return read_parcellation(path)


def read_parcellation(path: Path) -> Parcellation:
    """Return the parcellation in a safetensors file, ready to run.

    Atlas and template are stored in a byte a voxel: the square root of a probability, and a share.
    """
    content = {name: value.float() for name, value in load_file(path).items()}
    template = content.pop("template") / 255
    content["atlas"] = (content["atlas"] / 255).square()
    first, second, third = (content[f"{level}.0.0.weight"].shape[0] for level in ("stem", "middle", "deep"))
    network = ParcellationUNet((first, second, third))
    network.load_state_dict(content)
    return Parcellation(channels_last(network.eval(), "cpu"), template)
