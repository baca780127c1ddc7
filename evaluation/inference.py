"""Running the network on a prepared image."""

import torch
from torch import Tensor
from torch.nn import functional

from plausibrain.evaluation.channels import N_STRUCTURES
from plausibrain.evaluation.networks.half_resolution_unet import STRIDE, HalfResolutionUNet


@torch.no_grad()
def predict(
    network: HalfResolutionUNet, data: Tensor, *, fine: bool = True, shifts: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the posteriors of the 19 structures and the probability of "left".

    Parameters
    ----------
    network : HalfResolutionUNet
    data : Tensor, (I, J, K)
        RAS, 1 mm, about 0 to 1.
    fine : bool
        False for the answer at 2 mm, with voxels that hold 2 x 2 x 2 of ``data``, whose sides must be even.
    shifts : Tensor, (19,), optional
        Added to the logits of the structures everywhere: moves their boundaries.

    Returns
    -------
    posteriors : Tensor of float32, (19, I, J, K) or (19, I/2, J/2, K/2)
    left : Tensor of float32, (I, J, K) or (I/2, J/2, K/2)
    """
    step = 1 if fine else 2
    pads = [-n % STRIDE for n in data.shape]
    before = [p // 2 // step * step for p in pads]
    widths = [w for b, p in zip(reversed(before), reversed(pads), strict=True) for w in (b, p - b)]
    frame = functional.pad(data[None, None], widths)
    inner = [slice(b // step, (b + n) // step) for b, n in zip(before, data.shape, strict=True)]
    shape = [part.stop - part.start for part in inner]
    posteriors = torch.empty((N_STRUCTURES, *shape), device=data.device)
    left = torch.empty(shape, device=data.device)
    moves = None if shifts is None else shifts.to(data.device).view(-1, 1, 1, 1)
    for first, logits in network.slabs(frame, fine=fine):
        low, high = (min(max(k, inner[0].start), inner[0].stop) for k in (first, first + logits.shape[2]))
        if low < high:
            here = (slice(None), slice(low - first, high - first), *inner[1:])
            there = slice(low - inner[0].start, high - inner[0].start)
            part = _planes(logits[0])[here].float()
            structures = part[:N_STRUCTURES] if moves is None else part[:N_STRUCTURES] + moves
            posteriors[:, there] = torch.softmax(structures, dim=0)
            left[there] = torch.sigmoid(part[N_STRUCTURES])
    return posteriors, left


def _planes(x: Tensor) -> Tensor:
    """Return channels one after the other in memory, which is cheaper to transpose before it is float32."""
    c, i, j, k = x.shape
    return x.permute(1, 2, 3, 0).reshape(-1, c).T.contiguous().reshape(c, i, j, k)
