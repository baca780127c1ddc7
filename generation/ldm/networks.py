"""The networks of latent diffusion, built from data: MONAI's autoencoder and U-Net, and their frame."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.ldm.detail import DetailLayers
from plausibrain.generation.ldm.folding import fold, unfold, without_block_pattern

AUTOENCODER_DEFAULTS: dict[str, Any] = {
    "spatial_dims": 3, "in_channels": 1, "out_channels": 1, "norm_eps": 1e-6,
    "with_encoder_nonlocal_attn": False, "with_decoder_nonlocal_attn": False,
}  # fmt: skip
UNET_DEFAULTS: dict[str, Any] = {
    "spatial_dims": 3, "norm_eps": 1e-6, "with_conditioning": True, "transformer_num_layers": 1,
    "upcast_attention": True, "resblock_updown": True, "use_flash_attention": False,
}  # fmt: skip


class FoldedAutoencoder(nn.Module):
    """MONAI's AutoencoderKL on an image whose blocks of voxels are stacked as channels.

    Folding by 2 turns (1, I, J, K) into (8, I/2, J/2, K/2) without loss, which makes everything eight times
    cheaper at a small cost in detail. 1 leaves the image as it is: then this is the published network.

    Parameters
    ----------
    arguments : mapping
        Of ``monai.networks.nets.AutoencoderKL``, on top of `AUTOENCODER_DEFAULTS`.
    fold : int
        Edge of the blocks, voxels.
    detail : mapping of str to int, optional
        Width and channels of `DetailLayers` behind the decoder; none without it.
    """

    def __init__(
        self, arguments: Mapping[str, Any], fold: int = 1, detail: Mapping[str, int] | None = None
    ) -> None:
        super().__init__()
        self.fold = fold
        blocks = fold**3
        channels = {"in_channels": blocks, "out_channels": blocks}
        self.network = build_autoencoder({**AUTOENCODER_DEFAULTS, **channels, **arguments})
        self.detail = (
            None if detail is None else DetailLayers(self.network.decoder.channels[0], fold, **detail)
        )

    @property
    def stride(self) -> int:
        """Voxels per latent along each axis."""
        return int(self.fold * 2 ** (len(self.network.encoder.channels) - 1))

    @property
    def latent_channels(self) -> int:
        """Channels of the latents."""
        return int(self.network.latent_channels)

    @property
    def last_weight(self) -> Tensor:
        """Weights of the last convolution before the image."""
        if self.detail is not None:
            return self.detail.last.weight
        weight: Tensor = self.network.decoder.blocks[-1].conv.weight
        return weight

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the latents, (B, C, i, j, k), of images, (B, 1, I, J, K)."""
        mean, spread = self.network.encode(fold(images, self.fold))
        return mean, spread

    def decode(self, latents: Tensor) -> Tensor:
        """Return images, (B, 1, I, J, K), of latents."""
        if self.detail is None:
            return unfold(self.network.decode(latents), self.fold)
        return without_block_pattern(self.detail(*self.decode_features(latents)), self.fold)

    def decode_features(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decoder's last features and its image, folded, (B, C, I/fold, …) each, of latents."""
        features = self.network.post_quant_conv(latents)
        *blocks, last = self.network.decoder.blocks
        for block in blocks:
            features = block(features)
        return features, last(features)

    def latent_shape(self, shape: Sequence[int]) -> tuple[int, int, int, int]:
        """Return channels and sizes of the latents of an image shape.

        Raises
        ------
        DataError
            When a size is no multiple of the stride.
        """
        if any(size % self.stride for size in shape):
            raise DataError(
                f"images of {' x '.join(map(str, shape))} voxels do not fit an autoencoder with stride "
                f"{self.stride}; choose another grid"
            )
        size_i, size_j, size_k = (size // self.stride for size in shape)
        return self.latent_channels, size_i, size_j, size_k


class LatentScale(nn.Module):
    """Mean and spread of each channel of the latents over the training images, for unit variance.

    Parameters
    ----------
    n_channels : int
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, n_channels, 1, 1, 1))
        self.register_buffer("spread", torch.ones(1, n_channels, 1, 1, 1))

    @torch.no_grad()
    def fit(self, means: Tensor, spreads: Tensor) -> None:
        """Take both from means and standard deviations of latents, (n, C, i, j, k) each, on any device."""
        axes = (0, 2, 3, 4)
        self.mean.copy_(means.mean(dim=axes, keepdim=True))
        variance = means.var(dim=axes, correction=0, keepdim=True)
        variance = variance + spreads.pow(2).mean(dim=axes, keepdim=True)
        self.spread.copy_(variance.clamp_min(1e-12).sqrt())

    def normalise(self, latents: Tensor) -> Tensor:
        """Return latents of about zero mean and unit spread."""
        return (latents - self.mean) / self.spread

    def restore(self, latents: Tensor) -> Tensor:
        """Undo `normalise`."""
        return latents * self.spread + self.mean


def predict(unet: nn.Module, latents: Tensor, timesteps: Tensor, conditions: Tensor) -> Tensor:
    """Return the U-Net's prediction with conditions both concatenated and attended to (Pinaya2022).

    Parameters
    ----------
    unet : Module
    latents : Tensor, (B, C, i, j, k)
    timesteps : Tensor of int64, (B,) or (1,)
    conditions : Tensor, (B, number of conditions)
        Become as many constant channels after the latents, and one token for the cross-attention.
    """
    constant = conditions[:, :, None, None, None].expand(-1, -1, *latents.shape[2:])
    output: Tensor = unet(
        torch.cat((latents, constant), dim=1), timesteps=timesteps, context=conditions[:, None]
    )
    return output


def build_autoencoder(arguments: Mapping[str, Any]) -> Any:
    """Return ``monai.networks.nets.AutoencoderKL``; `DataError` when it refuses the arguments."""
    from monai.networks.nets import AutoencoderKL

    return _built(AutoencoderKL, arguments)


def build_unet(arguments: Mapping[str, Any]) -> nn.Module:
    """Return ``monai.networks.nets.DiffusionModelUNet``; `DataError` when it refuses the arguments."""
    from monai.networks.nets import DiffusionModelUNet

    unet: nn.Module = _built(DiffusionModelUNet, {**UNET_DEFAULTS, **arguments})
    return unet


def _built(kind: type, arguments: Mapping[str, Any]) -> Any:
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the architecture is none that {kind.__name__} can have ({error}); fetch or "
            "train the checkpoint again"
        ) from error
