"""Doubling an image and convolving it, without convolving the doubled image.

After every voxel has been repeated twice along each axis, a kernel of 3 x 3 x 3 sees only 2 x 2 x 2 different
voxels. Its weights are added up for each of the eight places an output voxel can have, and eight small
convolutions of the image before doubling give the same result with 8/27 of the multiplications. Equal up to
rounding, because weights are added before they are multiplied.
"""

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Rows: the weight of each of the two neighbours, from the three of the kernel, for even and odd places. An
#: even output voxel 2i sees i-1, i, i; an odd one 2i+1 sees i, i, i+1.
_EVEN = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
_ODD = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


class DoublingConv(nn.Module):
    """Nearest-neighbour doubling followed by a 3 x 3 x 3 convolution with zeros around; made from the latter.

    Parameters
    ----------
    conv : Conv3d
        Kernel 3, stride 1, padding 1.
    """

    kernels: Tensor

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        self.bias = conv.bias
        kernels = [fold_kernel(conv.weight.detach(), places) for places in product((0, 1), repeat=3)]
        self.register_buffer("kernels", torch.stack(kernels))

    def forward(self, data: Tensor) -> Tensor:
        """Return (B, C', 2I, 2J, 2K) of (B, C, I, J, K)."""
        return self.with_ends(data, (True, True))

    def with_ends(self, data: Tensor, ends: tuple[bool, bool]) -> Tensor:
        """Return what the first axis gives where the image ends; elsewhere data must hold a plane more.

        Parameters
        ----------
        data : Tensor, (B, C, I, J, K)
        ends : tuple of bool
            Whether the image ends at the start and at the end of the first axis. Where it does not, the
            plane there only serves its neighbour.
        """
        frame = functional.pad(data, (1, 1, 1, 1, int(ends[0]), int(ends[1])))
        planes, size_j, size_k = frame.shape[2] - 2, data.shape[3], data.shape[4]
        out: Tensor | None = None
        for kernel, (i, j, k) in zip(self.kernels, product((0, 1), repeat=3), strict=True):
            window = frame[:, :, i : i + planes + 1, j : j + size_j + 1, k : k + size_k + 1]
            part = functional.conv3d(window, kernel, self.bias)
            if out is None:
                out = part.new_empty((*part.shape[:2], *(2 * size for size in part.shape[2:])))
            out[:, :, i::2, j::2, k::2] = part
        return data if out is None else out


def fold_kernel(weight: Tensor, places: Sequence[int]) -> Tensor:
    """Return what a kernel, (C', C, 3, 3, 3), becomes at even (0) or odd (1) places: (C', C, 2, 2, 2)."""
    rows = [(_ODD if odd else _EVEN).to(weight.device) for odd in places]
    return torch.einsum("oiabc,xa,yb,zc->oixyz", weight, *rows)
