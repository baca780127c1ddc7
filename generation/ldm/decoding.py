"""Decoding without holding more than two full-size feature maps: layer by layer, in slabs.

Untiled, the published decoder needs 13 GB and more for one image in fp32, because every layer of a block
keeps its own copy of 64 or 128 channels at full resolution. Here group normalisation first takes its
statistics over the whole map, then normalisation, activation and convolution run through slabs along the
first axis that overlap by what the kernel needs, and doublings are folded into their convolutions. The result
is that of the untiled decoder up to rounding.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.generation.ldm.detail import REACH, DetailLayers
from plausibrain.generation.ldm.folding import unfold, without_block_pattern
from plausibrain.generation.ldm.networks import FoldedAutoencoder
from plausibrain.generation.ldm.upsampling import DoublingConv

#: Voxels of the network's finest level above which a decoder runs in slabs: 80 x 96 x 80 and below run whole.
WHOLE_UP_TO_VOXELS = 1_000_000
SLAB_VOXELS = 400_000


def decoder_for(autoencoder: FoldedAutoencoder, shape: tuple[int, int, int]) -> Callable[[Tensor], Tensor]:
    """Return the function from latents to images that fits an image shape: whole if small, else in slabs."""
    voxels = shape[0] * shape[1] * shape[2] // autoencoder.fold**3
    if voxels <= WHOLE_UP_TO_VOXELS:
        return autoencoder.decode
    return lambda latents: decode_in_slabs(autoencoder, latents)


@torch.inference_mode()
def decode_in_slabs(
    autoencoder: FoldedAutoencoder, latents: Tensor, *, slab_voxels: int = SLAB_VOXELS
) -> Tensor:
    """Return images, (1, 1, I, J, K), of latents, (1, C, i, j, k).

    Parameters
    ----------
    autoencoder : FoldedAutoencoder
        Without attention in its decoder; other blocks run whole.
    latents : Tensor
    slab_voxels : int
        Largest number of voxels of a slab at each level.

    Returns
    -------
    Tensor
    """
    data = autoencoder.network.post_quant_conv(latents)
    blocks = list(autoencoder.network.decoder.blocks)
    for block in blocks[:-2]:
        data = _run_block(block, data, slab_voxels)
    last = _normed_conv(data, blocks[-2], blocks[-1], slab_voxels, active=False)
    if autoencoder.detail is None:
        return unfold(last, autoencoder.fold)
    return _detailed(autoencoder.detail, data, blocks[-2], last, slab_voxels)


def _detailed(detail: DetailLayers, data: Tensor, norm: Any, blocks: Tensor, slab_voxels: int) -> Tensor:
    """Run the layers at full resolution on slabs that overlap by their reach."""
    scale, shift = _statistics(data, norm)
    edge, size = detail.edge, data.shape[2]
    parts = []
    for slab in slabs(data, slab_voxels):
        low, high = max(0, slab.start - REACH), min(size, slab.stop + REACH)
        features = (data[:, :, low:high].float() * scale + shift).to(data.dtype)
        images = detail(features, blocks[:, :, low:high])
        parts.append(images[:, :, edge * (slab.start - low) : edge * (slab.stop - low)])
    return without_block_pattern(torch.cat(parts, dim=2), edge)


def _run_block(block: nn.Module, data: Tensor, slab_voxels: int) -> Tensor:
    if type(block).__name__ == "AEKLResBlock":
        return _residual(block, data, slab_voxels)
    postconv = getattr(block, "postconv", None)
    if isinstance(postconv, nn.Module):
        return _upsample(postconv, data, slab_voxels)
    result: Tensor = block(data)
    return result


def _residual(block: Any, data: Tensor, slab_voxels: int) -> Tensor:
    """Two normalised convolutions and the shortcut; the result takes the place of the input where it can."""
    hidden = _normed_conv(data, block.norm1, block.conv1, slab_voxels)
    statistics = _statistics(hidden, block.norm2)
    same = block.in_channels == block.out_channels
    out = data if same else data.new_empty((1, block.out_channels, *data.shape[2:]))
    for slab in slabs(data, slab_voxels):
        part = _conv_of_slab(hidden, slab, block.conv2, block.norm2, statistics, active=True)
        out[:, :, slab] = block.nin_shortcut(data[:, :, slab]) + part
    return out


def _normed_conv(
    data: Tensor, norm: Any, conv: nn.Module, slab_voxels: int, *, active: bool = True
) -> Tensor:
    statistics = _statistics(data, norm)
    out: Tensor | None = None
    for slab in slabs(data, slab_voxels):
        part = _conv_of_slab(data, slab, conv, norm, statistics, active=active)
        if out is None:
            out = part.new_empty((1, part.shape[1], *data.shape[2:]))
        out[:, :, slab] = part
    return data if out is None else out


def _conv_of_slab(
    data: Tensor, slab: slice, conv: nn.Module, norm: Any, statistics: tuple[Tensor, Tensor], *, active: bool
) -> Tensor:
    """Normalise, activate and convolve a slab and one voxel around it; zeros outside the whole map."""
    low, high = max(0, slab.start - 1), min(data.shape[2], slab.stop + 1)
    scale, shift = statistics
    part = data[:, :, low:high].float() * scale + shift
    part = functional.silu(part) if active else part
    ends = (1 - (slab.start - low), 1 - (high - slab.stop))
    return _conv_padded(conv, part.to(data.dtype), ends)


def _upsample(postconv: Any, data: Tensor, slab_voxels: int) -> Tensor:
    """Repeat every voxel twice along each axis and convolve, slab by slab."""
    size = data.shape[2]
    doubling = DoublingConv(postconv.conv)
    out: Tensor | None = None
    for slab in slabs(data, max(1, slab_voxels // 8)):
        low, high = max(0, slab.start - 1), min(size, slab.stop + 1)
        part = doubling.with_ends(data[:, :, low:high], (low == slab.start, high == slab.stop))
        if out is None:
            out = part.new_empty((1, part.shape[1], *(2 * n for n in data.shape[2:])))
        out[:, :, 2 * slab.start : 2 * slab.stop] = part
    return data if out is None else out


def _conv_padded(conv: Any, data: Tensor, ends: tuple[int, int]) -> Tensor:
    """Convolve with zeros around the last two axes, and at those ends of the first that ask for it."""
    layer: nn.Conv3d = conv.conv
    frame = functional.pad(data, (1, 1, 1, 1, *ends))
    return functional.conv3d(frame, layer.weight, layer.bias)


def _statistics(data: Tensor, norm: nn.GroupNorm) -> tuple[Tensor, Tensor]:
    """Return scale and shift per channel, (1, C, 1, 1, 1), that group normalisation amounts to."""
    groups = data.reshape(norm.num_groups, -1)
    means, variances = [], []
    for group in groups:
        variance, mean = torch.var_mean(group.float(), correction=0)
        means.append(mean)
        variances.append(variance)
    per_group = data.shape[1] // norm.num_groups
    mean = torch.stack(means).repeat_interleave(per_group)
    spread = torch.sqrt(torch.stack(variances) + norm.eps).repeat_interleave(per_group)
    scale = norm.weight.float() / spread
    shift = norm.bias.float() - mean * scale
    return scale.view(1, -1, 1, 1, 1), shift.view(1, -1, 1, 1, 1)


def slabs(data: Tensor, voxels: int) -> Iterator[slice]:
    """Yield slices of the first spatial axis with at most so many voxels each (at least one plane)."""
    planes = max(1, voxels // (data.shape[3] * data.shape[4]))
    for start in range(0, data.shape[2], planes):
        yield slice(start, min(start + planes, data.shape[2]))
