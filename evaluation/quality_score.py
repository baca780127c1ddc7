"""How good a segmentation is likely to be, per group of structures.

A group is judged as one structure: its labels are joined, as the quality network of SynthSeg joins them, and
so SynthSeg's threshold keeps its meaning. A mean over the parts would hang on the temporal horns and the
third ventricle, which in young subjects hold about 1 mL and have a low Dice however good the image is. Fluid
around the brain is judged only where the image shows what lies beyond it: a skull-stripping cuts it
anywhere.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from plausibrain.evaluation.channels import CHANNELS
from plausibrain.evaluation.posteriors import SMALLEST, Posteriors
from plausibrain.evaluation.segmentation import QC_GROUPS
from plausibrain.evaluation.working_grid import winning_channel

_FLUID = 16
#: Side of the voxels in which the surroundings of the brain are looked at, mm.
_COARSE_MM = 4
#: Brighter than this share of the brain's median is tissue.
_TISSUE = 0.15
#: With less tissue than this between 4 and 12 mm outside brain and fluid, a head is stripped.
_SURROUNDED = 0.2


def is_stripped(data: Tensor, channel: Tensor) -> bool:
    """Return whether an image shows nothing around brain and fluid: no scalp, marrow or muscle.

    Parameters
    ----------
    data : Tensor, (I, J, K)
        The image at 1 mm.
    channel : Tensor, (I, J, K) or (I/2, J/2, K/2)
        Winning channels.
    """
    step = _COARSE_MM * channel.shape[0] // data.shape[0]
    inside = functional.max_pool3d((channel > 0).float()[None, None], step)
    signal = functional.avg_pool3d(data.float()[None, None], _COARSE_MM)
    near = functional.max_pool3d(inside, 3, 1, 1)
    shell = (functional.max_pool3d(near, 5, 1, 2) > 0) & (near == 0)
    if not shell.any() or not inside.any():
        return True
    tissue = signal[shell] > _TISSUE * signal[inside > 0].median()
    return float(tissue.float().mean()) < _SURROUNDED


def group_map(channel: Tensor, *, stripped: bool) -> Tensor:
    """Return the group of every voxel: 0 for none, else 1 + its place in `QC_GROUPS`."""
    return _lookup(stripped=stripped).to(channel.device)[channel.to(torch.int64)]


def group_overlap(a: Tensor, b: Tensor) -> dict[str, float]:
    """Return the Dice of every group between two maps of `group_map`; 0 where both are empty."""
    n = len(QC_GROUPS) + 1
    both = torch.bincount(a[a == b], minlength=n).double()
    n_a, n_b = (torch.bincount(x.flatten(), minlength=n) for x in (a, b))
    dice = 2 * both / (n_a + n_b).clamp_min(1)
    return {group: float(dice[k]) for k, group in enumerate(QC_GROUPS, start=1)}


def expected_group_dice(posteriors: Posteriors, groups: Tensor, *, stripped: bool) -> dict[str, float]:
    """Return for every group the Dice with the truth that the posteriors themselves expect.

    Parameters
    ----------
    posteriors : Posteriors
    groups : Tensor, (I, J, K)
        Of `group_map`.

    Notes
    -----
    For a segmentation S and calibrated posteriors p, expected Dice is near
    2 sum_S p / (abs(S) + sum p). An empty group has 0.
    """
    lookup, dice = _lookup(stripped=stripped), {}
    for k, group in enumerate(QC_GROUPS, start=1):
        p = posteriors.structures[lookup == k].sum(0)
        here = groups == k
        total = torch.where(p > SMALLEST, p, 0.0).sum(dtype=torch.float64)
        dice[group] = float(2 * p[here].sum(dtype=torch.float64) / (here.sum() + total).clamp_min(1))
    return dice


def quality_features(
    data: Tensor, posteriors: Posteriors, both: tuple[Tensor, Tensor]
) -> tuple[dict[str, tuple[float, float]], bool]:
    """Return two features of every group, and whether the head is stripped.

    Parameters
    ----------
    data : Tensor, (I, J, K)
        The image at 1 mm.
    posteriors : Posteriors
    both : two Tensors, (I, J, K)
        Winning channels of the predictions from the image and from its mirror image.

    Returns
    -------
    features : dict
        Dice that the posteriors expect; Dice between ``both``.
    stripped : bool
        If so, the fluid around the brain is in no group.
    """
    channel = winning_channel(posteriors.structures)
    stripped = is_stripped(data.cpu(), channel)
    dice = expected_group_dice(posteriors, group_map(channel, stripped=stripped), stripped=stripped)
    agreement = group_overlap(*(group_map(x, stripped=stripped) for x in both))
    return {group: (dice[group], agreement[group]) for group in QC_GROUPS}, stripped


@cache
def _lookup(*, stripped: bool) -> Tensor:
    """Return the group of every channel, (19,) uint8."""
    groups = torch.zeros(len(CHANNELS), dtype=torch.uint8)
    for k, members in enumerate(QC_GROUPS.values(), start=1):
        for channel, (first, _) in enumerate(CHANNELS):
            if first in members:
                groups[channel] = k
    if stripped:
        groups[_FLUID] = 0
    return groups
