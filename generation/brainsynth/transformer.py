"""Which codes stand where a grid is masked, given the visible ones and metadata: BrainSynth's transformer."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.generation.ldm.folding import fold, unfold


class AttentionBlock(nn.Module):
    """Self-attention and a perceptron, each after a normalisation of single tokens.

    Parameters
    ----------
    width, n_heads : int
        The width is a multiple of the number of heads.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        if width % n_heads:
            raise ValueError(f"{width} numbers per token cannot be shared by {n_heads} heads")
        self.n_heads = n_heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens, (B, n, width)."""
        batch, n, width = tokens.shape
        projections = self.project_in(self.norms[0](tokens)).view(batch, n, 3, self.n_heads, -1)
        queries, keys, values = projections.permute(2, 0, 3, 1, 4)
        attention = functional.scaled_dot_product_attention(queries, keys, values)
        tokens = tokens + self.project_out(attention.transpose(1, 2).reshape(batch, n, width))
        result: Tensor = tokens + self.perceptron(self.norms[1](tokens))
        return result


class CodeTransformer(nn.Module):
    """Predict every code of a grid from those that are visible and from metadata, which may be masked too.

    Neighbouring cells, `patch` along each axis, are one token, so that fine cells cost no more attention than
    coarse ones. Only tokens in use take part; in the others, where no training image shows anything, the
    usual code stands.
    A cell is one token: the sum of the embeddings of its codes (or of the mask) and of its place. Each
    condition is a token too: a learned function of its value, or a learned vector for "not told". Their sum
    is also added to every cell. The share of masked codes tells the time of the diffusion, so no time is
    given.

    Parameters
    ----------
    cells : sequence of int
        Sizes of the grid.
    n_books, n_codes : int
        Codes per cell, and kinds of each.
    n_conditions : int
    width, depth, n_heads : int
    patch : int
        Cells along each edge of a token.
    """

    in_use: Tensor
    usual: Tensor

    def __init__(
        self,
        cells: Sequence[int],
        *,
        n_books: int,
        n_codes: int,
        n_conditions: int,
        width: int,
        depth: int,
        n_heads: int,
        patch: int = 1,
    ) -> None:
        super().__init__()
        if any(size % patch for size in cells):
            raise ValueError(f"{tuple(cells)} cells cannot be shared by tokens of {patch} along each axis")
        n_books, cells = n_books * patch**3, [size // patch for size in cells]
        self.n_books, self.n_codes, self.patch, self.tokens = n_books, n_codes, patch, tuple(cells)
        self.register_buffer("in_use", torch.ones(prod(cells), dtype=torch.bool))
        self.register_buffer("usual", torch.zeros(n_books, prod(cells), dtype=torch.int64))
        self.codes = nn.Parameter(torch.randn(n_books, n_codes + 1, width) * 0.1)
        self.places = nn.Parameter(torch.randn(prod(cells), width) * 0.1)
        self.names = nn.Parameter(torch.randn(n_conditions, width) * 0.1)
        self.slopes = nn.Parameter(torch.randn(n_conditions, width) * 0.1)
        self.untold = nn.Parameter(torch.randn(n_conditions, width) * 0.1)
        self.bend = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(AttentionBlock(width, n_heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, n_books * n_codes)

    @property
    def mask(self) -> int:
        """Number that stands for a masked code."""
        return self.n_codes

    @property
    def n_in_use(self) -> int:
        """Number of tokens in use."""
        return int(self.in_use.sum())

    def use(self, in_use: Tensor, usual: Tensor) -> None:
        """Choose the cells in use, (i, j, k), bool, and the usual codes, (books of a cell, i, j, k)."""
        self.in_use.copy_(self._tokens(in_use[None, None]).any(dim=1).flatten())
        self.usual.copy_(self._tokens(usual[None])[0].flatten(1))

    def narrow(self, codes: Tensor) -> Tensor:
        """Return the codes of the tokens in use, (B, n_books, n), of a whole grid, (B, …, i, j, k)."""
        return self._tokens(codes).flatten(2)[:, :, self.in_use]

    def widen(self, codes: Tensor) -> Tensor:
        """Return the codes of the whole grid, (B, …, i, j, k): undo `narrow`."""
        grid = self.usual.repeat(len(codes), 1, 1)
        grid[:, :, self.in_use] = codes
        blocks = grid.unflatten(2, self.tokens).flatten(0, 1).unflatten(0, (-1, self.patch**3))
        return unfold(blocks, self.patch)[:, 0].unflatten(0, (len(codes), -1))

    def _tokens(self, codes: Tensor) -> Tensor:
        """Return (B, books of a cell, i, j, k) as (B, n_books, …), with the cells of a token as books."""
        return fold(codes.flatten(0, 1)[:, None], self.patch).unflatten(0, (len(codes), -1)).flatten(1, 2)

    def forward(self, codes: Tensor, conditions: Tensor, visible: Tensor | None = None) -> Tensor:
        """Return scores (log-odds) of the codes, (B, n_books, n, n_codes), float32.

        Parameters
        ----------
        codes : Tensor of int64, (B, n_books, n)
            Of the cells in use; `mask` where a code is not known.
        conditions : Tensor, (B, n_conditions)
            Scaled, about 0 to 1.
        visible : Tensor of bool, (B, n_conditions), optional
            Where False the condition is masked and its value plays no part. All are told by default.
        """
        metadata = self._metadata(conditions, visible)
        cells = self.places[self.in_use] + metadata.sum(dim=1, keepdim=True)
        for book, vectors in enumerate(self.codes):
            cells = cells + functional.embedding(codes[:, book], vectors)
        tokens = torch.cat((metadata, cells), dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        scores = self.scores(self.norm(tokens[:, metadata.shape[1] :])).float()
        return scores.unflatten(2, (self.n_books, self.n_codes)).transpose(1, 2)

    def _metadata(self, conditions: Tensor, visible: Tensor | None) -> Tensor:
        embedding = self.names + (2 * conditions - 1)[..., None] * self.slopes
        if visible is not None:
            embedding = torch.where(visible[..., None], embedding, self.names + self.untold)
        result: Tensor = embedding + self.bend(embedding)
        return result
