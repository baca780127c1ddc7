"""Two hemispheres made of ellipsoids, as posteriors, and a parcellation whose answer is known."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from plausibrain.evaluation.cortical_parcels import Parcellation
from plausibrain.evaluation.networks.parcellation_unet import ATLAS_SHAPE, ParcellationUNet
from plausibrain.evaluation.posteriors import Posteriors
from plausibrain.evaluation.standard_hemisphere import BLOCK, block_places, halved

#: Channel of the segmenter -> centre and half axes, mm from the middle of a left hemisphere.
_PARTS = {
    2: ((0.0, 0.0, 0.0), (30.0, 78.0, 52.0)),
    1: ((2.0, 2.0, 0.0), (24.0, 72.0, 46.0)),
    7: ((18.0, -10.0, 0.0), (8.0, 14.0, 9.0)),
    14: ((6.0, -18.0, -22.0), (7.0, 18.0, 7.0)),
}
_CORTEX, _MIDDLE_MM = 2, 33.0


def hemisphere_shares(places: Tensor) -> Tensor:
    """Return cortex, thalamus, hippocampus and the other cortex at places, mm from the middle, (4, ...)."""
    inside = {}
    for channel, (centre, half) in _PARTS.items():
        away = [(places[k] - centre[k]) / half[k] for k in range(3)]
        inside[channel] = sum(x.square() for x in away) < 1
    cortex = inside[2] & ~inside[1]
    mirrored = torch.stack([2 * _MIDDLE_MM - places[0], places[1], places[2]])
    away = [(mirrored[k]) / _PARTS[2][1][k] for k in range(3)]
    other = sum(x.square() for x in away) < 1
    core = [(mirrored[k] - _PARTS[1][0][k]) / _PARTS[1][1][k] for k in range(3)]
    other = other & ~(sum(x.square() for x in core) < 1)
    return torch.stack([cortex, inside[7], inside[14], other]).float()


def make_template() -> Tensor:
    """Return the hemisphere in the middle of the standard block, voxels of 4 mm."""
    middle = (torch.tensor(BLOCK) - 1).view(3, 1, 1, 1) / 2
    return halved(hemisphere_shares(2 * (block_places() - middle)))


def make_posteriors(
    voxel_mm: float, *, shift: tuple[int, int, int] = (0, 0, 0), n_left: int = 1
) -> Posteriors:
    """Return both hemispheres on a grid of ``voxel_mm``; the left one is absent with ``n_left`` = 0."""
    shape = [round(side / voxel_mm) for side in (150, 176, 120)]
    axes = [(torch.arange(n) - (n - 1) / 2) * voxel_mm for n in shape]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    places[0] += _MIDDLE_MM
    left = (places[0] < _MIDDLE_MM).float()
    mine, theirs = (
        hemisphere_shares(places),
        hemisphere_shares(torch.stack([2 * _MIDDLE_MM - places[0], places[1], places[2]])),
    )
    structures = torch.zeros(19, *shape)
    for channel, row in ((2, 0), (7, 1), (14, 2)):
        structures[channel] = n_left * mine[row] * left + theirs[row] * (1 - left)
    structures[0] = 1 - structures.sum(0)
    rolled = torch.roll(structures, shift, (1, 2, 3))
    return Posteriors(rolled, torch.roll(left, shift, (0, 1, 2)), voxel_mm**3)


def make_parcellation() -> Parcellation:
    """Return an atlas whose first parcel is the front half of the hemisphere and whose second is the rest."""
    network = ParcellationUNet((8, 8, 8)).eval()
    atlas = torch.zeros(ATLAS_SHAPE)
    front = ATLAS_SHAPE[2] // 2
    atlas[0, :, front:], atlas[1, :, :front] = 1, 1
    network.atlas.copy_(atlas)
    return Parcellation(network, make_template())


def write_parcellation(path: Path) -> Path:
    """Write the parcellation of `make_parcellation` as the package stores it."""
    parcellation = make_parcellation()
    content = {k: v.half() for k, v in parcellation.network.state_dict().items() if k != "atlas"}
    content["atlas"] = (parcellation.network.atlas.sqrt() * 255).round().to(torch.uint8)
    content["template"] = (parcellation.template * 255).round().to(torch.uint8)
    save_file(content, path)
    return path
