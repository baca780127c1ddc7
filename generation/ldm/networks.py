"""The networks of latent diffusion, built from data: MONAI's autoencoder and U-Net, and their frame."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.ldm.block_transform import START_SPREAD, BlockTransform
from plausibrain.generation.ldm.folding import fold, unfold
from plausibrain.generation.ldm.linear_denoiser import LinearDenoiser
from plausibrain.generation.networks.metadata_effect import MetadataEffect

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
    shortcut : bool
        Add a `BlockTransform` to encoder and decoder; the networks start at nothing beside it.
    """

    def __init__(self, arguments: Mapping[str, Any], fold: int = 1, *, shortcut: bool = False) -> None:
        super().__init__()
        self.fold = fold
        blocks = fold**3
        folded = {"in_channels": blocks, "out_channels": blocks}
        self.network = build_autoencoder({**AUTOENCODER_DEFAULTS, **folded, **arguments})
        self.shortcut = BlockTransform(self.stride, self.latent_channels) if shortcut else None
        if shortcut:
            _start_at_nothing(self.network)

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
        """Weights of the decoder's last convolution."""
        weight: Tensor = self.network.decoder.blocks[-1].conv.weight
        return weight

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the latents, (B, C, i, j, k), of images, (B, 1, I, J, K)."""
        mean, spread = self.network.encode(fold(images, self.fold))
        return (mean if self.shortcut is None else mean + self.shortcut.encode(images)), spread

    def decode(self, latents: Tensor) -> Tensor:
        """Return images, (B, 1, I, J, K), of latents."""
        return self.add_shortcut(unfold(self.network.decode(latents), self.fold), latents)

    def add_shortcut(self, images: Tensor, latents: Tensor) -> Tensor:
        """Return what the decoder network gave, with the share of the shortcut where there is one."""
        return images if self.shortcut is None else images + self.shortcut.decode(latents)

    def energies(self) -> Tensor | None:
        """Return how much a unit of each channel moves the image, in squares, (C,), where that is known."""
        return None if self.shortcut is None else self.shortcut.synthesis.pow(2).sum(dim=0)

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


def _start_at_nothing(network: Any) -> None:
    """Set the last layers so that means and images start at zero, and the spread of latents is small."""
    for conv in (network.quant_conv_mu.conv, network.decoder.blocks[-1].conv):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
    nn.init.zeros_(network.quant_conv_log_sigma.conv.weight)
    nn.init.constant_(network.quant_conv_log_sigma.conv.bias, 2 * math.log(START_SPREAD))


class LatentScale(nn.Module):
    """Mean and spread of latents over the training images, so that the diffusion sees about unit variance.

    Parameters
    ----------
    n_channels : int
    sizes : sequence of int
        Sizes of the latents for a mean and spread at every place, which suits aligned heads: an untrained
        diffusion then already draws the mean head; or (1, 1, 1) for one per channel.
    n_conditions : int
        If not 0, the mean at every place is a function of so many scaled conditions: an untrained diffusion
        then already draws the mean head of subjects like the one asked for, and what it learns is how a
        subject differs from it. Needs a mean at every place.
    n_knots : int
        Of that function, see `MetadataEffect`.
    n_modes : int
        Of a linear guess of clean latents that an `InformedUNet` starts from; 0 for none.
    """

    mean: Tensor
    spread: Tensor
    centre: Tensor
    typical: Tensor

    def __init__(
        self,
        n_channels: int,
        sizes: Sequence[int] = (1, 1, 1),
        *,
        n_conditions: int = 0,
        n_knots: int = 0,
        n_modes: int = 0,
    ) -> None:
        super().__init__()
        i, j, k = sizes
        self.effect: MetadataEffect | None = None
        if n_conditions:
            self.effect = MetadataEffect(n_conditions, n_channels, (i, j, k), n_knots=n_knots)
        self.register_buffer("mean", torch.zeros(1, n_channels, *sizes))
        self.register_buffer("spread", torch.ones(1, n_channels, *sizes))
        self.linear: LinearDenoiser | None = None
        if n_modes:
            self.linear = LinearDenoiser(n_modes, n_channels, (i, j, k))
            self.register_buffer("centre", torch.zeros(1, n_channels, 1, 1, 1))
            self.register_buffer("typical", torch.ones(1, n_channels, 1, 1, 1))

    def fit(
        self,
        means: Tensor,
        spreads: Tensor,
        conditions: Tensor | None = None,
        *,
        energies: Tensor | None = None,
    ) -> None:
        """Take both from means and standard deviations of latents, (n, C, i, j, k) each.

        Where subjects hardly differ, the spread is at least a twentieth of the channel's. `conditions`,
        (n, n_conditions), are needed where the mean depends on them. `energies`, (C,), say how much a unit
        of each channel moves the image, in squares: channels then keep their share of it, with a mean
        variance of 1, so that the diffusion settles what matters most first and fine detail last.
        """
        means, spreads = means.to(self.mean), spreads.to(self.mean)
        if self.linear is not None:
            self.centre.copy_(means.mean(dim=(0, 2, 3, 4), keepdim=True))
            self.typical.copy_(means.std(dim=(0, 2, 3, 4), keepdim=True).clamp_min(1e-6))
        if self.effect is not None:
            told = _told(conditions).to(self.mean)
            self.effect.fit(told, means)
            means = means - self.effect(told)
        places = () if self.mean.shape[2:] == means.shape[2:] and means.shape[2:] != (1, 1, 1) else (2, 3, 4)
        axes = (0, *places)
        self.mean.copy_(means.mean(dim=axes, keepdim=True))
        variance = means.var(dim=axes, correction=0, keepdim=True)
        variance = variance + spreads.pow(2).mean(dim=axes, keepdim=True)
        typical = variance.mean(dim=(2, 3, 4), keepdim=True)
        self.spread.copy_(variance.clamp_min(1e-12).maximum(typical / 400).sqrt())
        if energies is not None:
            share = energies.to(self.mean).view(1, -1, 1, 1, 1) * typical
            self.spread.div_((share / share.mean()).clamp_min(1e-6).sqrt())
        if self.linear is not None:
            self.linear.fit((means - self.mean) / self.spread)

    def normalise(self, latents: Tensor, conditions: Tensor | None = None) -> Tensor:
        """Return latents of about zero mean and unit spread."""
        return (latents - self._expected(conditions)) / self.spread

    def restore(self, latents: Tensor, conditions: Tensor | None = None) -> Tensor:
        """Undo `normalise`."""
        return latents * self.spread + self._expected(conditions)

    def head(self, latents: Tensor, conditions: Tensor | None = None) -> Tensor:
        """Return normalised latents as whole ones, with the mean and spread that each channel has overall."""
        return (self.restore(latents, conditions) - self.centre) / self.typical

    def _expected(self, conditions: Tensor | None) -> Tensor:
        return self.mean if self.effect is None else self.mean + self.effect(_told(conditions))


def _told(conditions: Tensor | None) -> Tensor:
    if conditions is None:
        raise ValueError("these latents depend on conditions, give them")
    return conditions


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
