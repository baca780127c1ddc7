"""Blocks of voxels as channels, and back; nothing is lost."""

from torch import Tensor


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
