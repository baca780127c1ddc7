"""Running the network on a prepared image."""

import torch
from torch import Tensor
from torch.nn import functional

from plausibrain.cohorts.arithmetic import fast_autocast
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
    with fast_autocast(data.device):
        logits = network(frame, fine=fine)
    inner = [slice(b // step, (b + n) // step) for b, n in zip(before, data.shape, strict=True)]
    logits = _planes(logits[0])[(slice(None), *inner)].float()
    if shifts is not None:
        logits[:N_STRUCTURES] += shifts.to(logits.device).view(-1, 1, 1, 1)
    return torch.softmax(logits[:N_STRUCTURES], dim=0), torch.sigmoid(logits[N_STRUCTURES])


def _planes(x: Tensor) -> Tensor:
    """Return channels one after the other in memory, which is cheaper to transpose before it is float32."""
    c, i, j, k = x.shape
    return x.permute(1, 2, 3, 0).reshape(-1, c).T.contiguous().reshape(c, i, j, k)
