"""Group normalisation that keeps the order of memory and may be fused with what surrounds it.

torch's own kernel on a GPU first copies maps with channels last into the other order, and computes and writes
float32 under autocast. Between convolutions in bf16 that is most of the traffic of a network.
"""

from typing import Any

import torch
import torch._dynamo
from torch import Tensor, nn


def group_norm(maps: Tensor, n_groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return maps, (B, C, I, J, K), normalised per sample and group; statistics are float32."""
    groups = maps.float().unflatten(1, (n_groups, -1))
    variance, mean = torch.var_mean(groups, dim=(2, 3, 4, 5), correction=0, keepdim=True)
    z_scores = ((groups - mean) * torch.rsqrt(variance + eps)).flatten(1, 2)
    output = z_scores * weight[:, None, None, None] + bias[:, None, None, None]
    return output.to(maps.dtype)


#: Shapes of maps in all networks of a process; torch by default gives up after eight.
MOST_SHAPES = 128
_fused: Any = torch.compile(group_norm, dynamic=False)


class FusedGroupNorm(nn.GroupNorm):
    """A `GroupNorm` with the same weights that runs as one generated kernel in training on a GPU."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return normalised maps, in the memory order and type of the input."""
        if not (maps.is_cuda and maps.dim() == 5 and self.training):
            return super().forward(maps)
        with torch.autocast("cuda", enabled=False):
            result: Tensor = _fused(maps, self.num_groups, self.weight, self.bias, self.eps)
        return result


def fuse_norms(network: nn.Module) -> None:
    """Let every affine group normalisation of a network run fused; weights and their names stay.

    Each shape of maps costs some seconds of compilation, once per machine.
    """
    torch._dynamo.config.recompile_limit = max(MOST_SHAPES, torch._dynamo.config.recompile_limit)
    for layer in network.modules():
        if type(layer) is nn.GroupNorm and layer.affine:
            layer.__class__ = FusedGroupNorm


def order_channels_last(network: nn.Module) -> None:
    """Keep the kernels of 3D convolutions with channels last, so that maps are; values and names stay."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d) and isinstance(layer.weight, nn.Parameter):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last_3d)
