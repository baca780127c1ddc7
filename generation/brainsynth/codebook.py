"""Vector quantisation: codebooks that follow moving averages of the vectors they stand for.

A vector is cut into parts of equal length and each part has a codebook of its own (product quantisation): 4
books of 256 codes tell 2**32 vectors apart at the cost of 1024 codes.
"""

from typing import Any

import torch
from torch import Tensor, nn


class Codebook(nn.Module):
    """Codes of every part of a vector.

    Parameters
    ----------
    n_books : int
        Parts of a vector.
    n_codes : int
        Per book.
    width : int
        Length of a code.
    """

    codes: Tensor

    def __init__(self, n_books: int, n_codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.randn(n_books, n_codes, width))

    @property
    def size(self) -> tuple[int, int, int]:
        """Number of books, codes per book, and length of a code."""
        n_books, n_codes, width = self.codes.shape
        return n_books, n_codes, width

    def parts(self, vectors: Tensor) -> Tensor:
        """Return vectors, (B, books * width, i, j, k), as (books, B * i * j * k, width), float32."""
        n_books, _, width = self.size
        books = vectors.float().unflatten(1, (n_books, width)).permute(1, 0, 3, 4, 5, 2)
        return books.reshape(n_books, -1, width)

    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the index of the nearest code, (B, books, i, j, k), int64; ties go to the first.

        Distances are computed in fp32 even where networks run in bf16: rounding them would swap codes.
        """
        with torch.no_grad(), torch.autocast(vectors.device.type, enabled=False):
            parts = self.parts(vectors)
            squares = self.codes.pow(2).sum(dim=2)[:, None]
            indices = (squares - 2 * parts @ self.codes.transpose(1, 2)).argmin(dim=2)
        cells = vectors.shape[2:]
        return indices.reshape(-1, len(vectors), *cells).transpose(0, 1)

    def look_up(self, indices: Tensor) -> Tensor:
        """Return the vectors of indices, (B, books, i, j, k), as (B, books * width, i, j, k)."""
        vectors = [codes[index] for codes, index in zip(self.codes, indices.unbind(dim=1), strict=True)]
        return torch.cat(vectors, dim=-1).movedim(-1, 1)


class _StraightThrough(torch.autograd.Function):
    """The codes forward, the gradient to the vectors backward.

    The usual ``vectors + (codes - vectors).detach()`` does not give the codes but something a rounding error
    away from them, so that training and sampling would decode different numbers.
    """

    @staticmethod
    def forward(context: Any, vectors: Tensor, codes: Tensor) -> Tensor:
        return codes.clone()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def straight_through(vectors: Tensor, codes: Tensor) -> Tensor:
    """Return the codes; their gradient goes to the vectors (VandenOord2017, section 3.2)."""
    result: Tensor = _StraightThrough.apply(vectors, codes)
    return result


class CodebookAverages(nn.Module):
    """What moves a codebook: moving averages of how many vectors each code stands for, and of their sum.

    VandenOord2017, appendix A.1: N = g N + (1 - g) n, m = g m + (1 - g) (sum of the n vectors), code = m / N.
    A code whose average count falls below `dead_share` of the mean is put on a vector of the batch, chosen
    with a chance in proportion to its squared distance from its code, and starts with the mean count: ours,
    after the seeding of k-means++ (Arthur2007). At the start almost all codes are dead, and the first batch
    seeds them.

    Parameters
    ----------
    codebook : Codebook
        Its sizes; it is not kept.
    decay : float
        g.
    dead_share : float
    """

    counts: Tensor
    sums: Tensor

    def __init__(self, codebook: Codebook, *, decay: float = 0.99, dead_share: float = 0.05) -> None:
        super().__init__()
        self.decay, self.dead_share = decay, dead_share
        self.register_buffer("counts", torch.zeros(codebook.size[:2]))
        self.register_buffer("sums", torch.zeros(codebook.size))

    @torch.no_grad()
    def update(self, codebook: Codebook, vectors: Tensor, indices: Tensor, generator: torch.Generator) -> int:
        """Move the codes by the vectors of a batch; return how many were dead.

        Parameters
        ----------
        codebook : Codebook
        vectors : Tensor, (B, books * width, i, j, k)
        indices : Tensor of int64, (B, books, i, j, k)
            What `Codebook.nearest` said of them.
        generator : torch.Generator
            Draws where dead codes go.
        """
        n_dead = 0
        every, places = codebook.parts(vectors), indices.transpose(0, 1).flatten(1)
        with torch.autocast(vectors.device.type, enabled=False):
            for book, (parts, index) in enumerate(zip(every, places, strict=True)):
                self._average(book, parts, index)
                n_dead += self._restart(book, parts, codebook.codes[book][index], generator)
        codebook.codes.copy_(self.sums / self.counts[:, :, None])
        return n_dead

    def _average(self, book: int, parts: Tensor, index: Tensor) -> None:
        member = torch.nn.functional.one_hot(index, self.counts.shape[1]).to(parts)
        self.counts[book].lerp_(member.sum(dim=0), 1 - self.decay)
        self.sums[book].lerp_(member.T @ parts, 1 - self.decay)

    def _restart(self, book: int, parts: Tensor, own: Tensor, generator: torch.Generator) -> int:
        mean_count = len(parts) / self.counts.shape[1]
        dead = self.counts[book] < self.dead_share * mean_count
        n_dead = int(dead.sum())
        if n_dead:
            chance = (parts - own).pow(2).sum(dim=1).double().to(generator.device) + 1e-12
            places = torch.multinomial(chance, n_dead, replacement=True, generator=generator)
            self.counts[book][dead] = mean_count
            self.sums[book][dead] = mean_count * parts[places.to(parts.device)]
        return n_dead
