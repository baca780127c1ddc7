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
    """Undo `fold`."""
    if edge == 1:
        return blocks
    batch, _, *sizes = blocks.shape
    cells = blocks.reshape(batch, edge, edge, edge, *sizes).permute(0, 4, 1, 5, 2, 6, 3)
    return cells.reshape(batch, 1, *(size * edge for size in sizes))
