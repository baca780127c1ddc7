"""Blocks of voxels as channels, and back; nothing is lost."""

import torch
from torch import Tensor
from torch.nn import functional

#: Grey value above which a voxel lies in the head, images being 0 to 1.
LEAST_GREY = 0.1
#: Share of its neighbourhood above which a voxel lies deep in the head.
DEEP = 0.99


def fold(images: Tensor, edge: int) -> Tensor:
    """Stack blocks of edge x edge x edge voxels as channels: (B, 1, I, J, K) to (B, edge**3, …)."""
    if edge == 1:
        return images
    batch, _, *sizes = images.shape
    edges = [part for size in sizes for part in (size // edge, edge)]
    blocks = images.reshape(batch, *edges).permute(0, 2, 4, 6, 1, 3, 5)
    return blocks.reshape(batch, edge**3, *(size // edge for size in sizes))


def unfold(blocks: Tensor, edge: int) -> Tensor:
    """Undo `fold`, for every edge**3 channels: (B, C * edge**3, …) to (B, C, I, J, K)."""
    if edge == 1:
        return blocks
    batch, channels, *sizes = blocks.shape
    n_images = channels // edge**3
    cells = blocks.reshape(batch, n_images, edge, edge, edge, *sizes).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return cells.reshape(batch, n_images, *(size * edge for size in sizes))


def without_block_pattern(images: Tensor, edge: int) -> Tensor:
    """Return images, (B, 1, I, J, K), without what repeats from block to block within the head.

    Anatomy does not know where blocks begin: over all blocks, the voxels of every place in a block deviate
    from their neighbourhoods by the same on average. What they deviate by more is taken off.
    """
    if edge == 1:
        return images
    with torch.autocast(images.device.type, enabled=False):
        grey = images.float()
        head = (grey > LEAST_GREY).float()
        within = (mean_over_blocks(head, edge) > DEEP).float()
        deviations = fold(within * (grey - mean_over_blocks(grey, edge)), edge)
        places = deviations.sum(dim=(2, 3, 4), keepdim=True)
        places = places / fold(within, edge).sum(dim=(2, 3, 4), keepdim=True).clamp_min(1)
        pattern = places - places.mean(dim=1, keepdim=True)
        sizes = [size // edge for size in images.shape[2:]]
        return grey - head * unfold(pattern.expand(-1, -1, *sizes), edge)


def mean_over_blocks(images: Tensor, edge: int) -> Tensor:
    """Return means that fall off to all sides as a triangle, blind to what repeats every `edge` voxels.

    With an edge of two the weights are 1/4, 1/2, 1/4 along each axis.
    """
    for pad in ((edge - 1, 0) * 3, (0, edge - 1) * 3):
        images = functional.avg_pool3d(functional.pad(images, pad, mode="replicate"), edge, stride=1)
    return images
