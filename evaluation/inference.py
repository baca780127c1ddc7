"""Running the network on a prepared image."""

import torch
from torch import Tensor
from torch.nn import functional

from evaluation.networks.half_resolution_unet import STRIDE, HalfResolutionUNet
from evaluation.synthesis.anatomy import N_STRUCTURES


@torch.no_grad()
def predict(network: HalfResolutionUNet, data: Tensor) -> tuple[Tensor, Tensor]:
    """Return the posteriors of the 19 structures and the probability of "left".

    Parameters
    ----------
    network : HalfResolutionUNet
    data : Tensor, (I, J, K)
        RAS, 1 mm, about 0 to 1.

    Returns
    -------
    posteriors : Tensor of float32, (19, I, J, K)
    left : Tensor of float32, (I, J, K)
    """
    pads = [-n % STRIDE for n in data.shape]
    widths = [w for n in reversed(pads) for w in (n // 2, n - n // 2)]
    padded = functional.pad(data[None, None], widths)
    with torch.autocast(data.device.type, torch.bfloat16):
        logits = network(padded)
    inner = [slice(p // 2, p // 2 + n) for p, n in zip(pads, data.shape, strict=True)]
    logits = logits[0][(slice(None), *inner)]
    posteriors = torch.softmax(logits[:N_STRUCTURES].permute(1, 2, 3, 0).float(), dim=-1)
    left = torch.sigmoid(logits[N_STRUCTURES].float()).contiguous()
    return posteriors.permute(3, 0, 1, 2).contiguous(), left
