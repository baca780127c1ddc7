"""A linear transform of blocks of voxels, fitted in closed form: where a small autoencoder starts from.

The principal components of the training images' blocks give the best linear autoencoder of that size at once.
The networks then only learn what it misses, such as edges that cross blocks, which takes minutes instead of
hours. Nothing is centred, so that an empty block stays empty.
"""

import torch
from torch import Tensor, nn

from plausibrain.generation.ldm.folding import fold, unfold
from plausibrain.generation.training.task import Examples

FITTED_IMAGES = 64
START_SPREAD = 0.05


class BlockTransform(nn.Module):
    """Scores of a block on its first principal components, scaled to a mean square of 1.

    Parameters
    ----------
    edge : int
        Voxels along each side of a block.
    n_scores : int
        Components kept.
    """

    analysis: Tensor
    synthesis: Tensor

    def __init__(self, edge: int, n_scores: int) -> None:
        super().__init__()
        self.edge = edge
        self.register_buffer("analysis", torch.zeros(n_scores, edge**3))
        self.register_buffer("synthesis", torch.zeros(edge**3, n_scores))

    def encode(self, images: Tensor) -> Tensor:
        """Return the scores, (B, n_scores, i, j, k), of images, (B, 1, I, J, K)."""
        return torch.einsum("sv,bvijk->bsijk", self.analysis, fold(images, self.edge))

    def decode(self, scores: Tensor) -> Tensor:
        """Return the images that scores stand for."""
        return unfold(torch.einsum("vs,bsijk->bvijk", self.synthesis, scores), self.edge)

    def fit(self, images: Examples) -> None:
        """Find the components in the first images.

        Notes
        -----
        With M the mean of b b' over blocks b that are not empty, the eigenvectors of the largest eigenvalues
        of M minimise the mean squared error; an eigenvalue is the mean square of its score.
        """
        moment = torch.zeros(self.edge**3, self.edge**3, dtype=torch.float64)
        n_blocks = 0
        for number in range(min(len(images), FITTED_IMAGES)):
            blocks = fold(images.batch([number]).images, self.edge).flatten(2)[0].T.double()
            blocks = blocks[blocks.abs().sum(dim=1) > 0]
            moment += blocks.T @ blocks
            n_blocks += len(blocks)
        squares, vectors = torch.linalg.eigh(moment / max(1, n_blocks))
        kept = slice(-len(self.analysis), None)
        scale = squares[kept].clamp_min(1e-8).sqrt()
        self.analysis.copy_((vectors[:, kept] / scale).T)
        self.synthesis.copy_(vectors[:, kept] * scale)
