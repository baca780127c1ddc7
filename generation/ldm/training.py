"""The two stages of latent diffusion: the autoencoder, then the diffusion of its latents."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from plausibrain.generation.ldm.build import build_networks
from plausibrain.generation.ldm.losses import PatchAdversary, RandomFeatures, balance, kl_divergence
from plausibrain.generation.ldm.networks import FoldedAutoencoder, LatentScale, predict
from plausibrain.generation.ldm.presets import AUTOENCODER, DIFFUSION, Preset, architecture_of, preset_of
from plausibrain.generation.ldm.schedule import Schedule, timestep_pairs
from plausibrain.generation.noise import batches, normal_like, seeded
from plausibrain.generation.training.data import ArrayExamples
from plausibrain.generation.training.encodings import Encodings
from plausibrain.generation.training.plans import adjusted_plans, adjusted_rates, check_options
from plausibrain.generation.training.recompute import recompute_blocks
from plausibrain.generation.training.task import Batch, Examples, Objective, Request, Task

SHOWN_STEPS = 25
#: Images that a GPU encodes at once.
ENCODED_TOGETHER = 8


class LatentDiffusionRecipe:
    """How a latent diffusion model is trained; a `plausibrain.generation.training.task.Recipe`.

    Parameters
    ----------
    request : Request
    """

    model = "ldm"
    shipped = ("autoencoder", "unet", "latents")

    def __init__(self, request: Request) -> None:
        preset = preset_of(request)
        check_options(request, preset.plans)
        self.request = request
        self.preset = replace(preset, rates=adjusted_rates(preset.rates, request))
        self.plans = adjusted_plans(preset.plans, request)
        self.architecture = architecture_of(self.preset, request.n_conditions, request.shape)

    def task(self, stage: str, networks_before: Mapping[str, nn.Module]) -> Task:
        """Return the task of a stage."""
        with seeded(self.request.seed, self.request.n_conditions):
            networks = build_networks(self.architecture)
            adversary = PatchAdversary(self.preset.adversary_channels)
        if stage == AUTOENCODER:
            autoencoder = cast(FoldedAutoencoder, networks["autoencoder"])
            autoencoder.latent_shape(self.request.shape)
            steps = next(plan.steps for plan in self.plans if plan.name == AUTOENCODER)
            return AutoencoderTask(autoencoder, adversary, self.preset, steps)
        return DiffusionTask(
            networks["unet"],
            cast(LatentScale, networks["latents"]),
            cast(FoldedAutoencoder, networks_before["autoencoder"]),
            self.preset,
            self.request.cache,
        )


class AutoencoderTask:
    """Reconstruct images through latents; L1, perceptual, patch-adversarial and KL terms (Pinaya2022).

    Parameters
    ----------
    autoencoder : FoldedAutoencoder
    adversary : PatchAdversary
    preset : Preset
    steps : int
        Of the stage, to know when the adversary starts.
    """

    name = AUTOENCODER
    averaged = ("autoencoder",)

    def __init__(
        self, autoencoder: FoldedAutoencoder, adversary: PatchAdversary, preset: Preset, steps: int
    ) -> None:
        self.autoencoder, self.adversary = autoencoder, adversary
        self.networks: Mapping[str, nn.Module] = {"autoencoder": autoencoder, "adversary": adversary}
        rate = preset.rates[AUTOENCODER]
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "autoencoder": AdamW(autoencoder.parameters(), lr=rate, weight_decay=0.0),
            "adversary": AdamW(adversary.parameters(), lr=rate, betas=(0.5, 0.99), weight_decay=0.0),
        }
        if preset.recomputed:
            network = autoencoder.network
            recompute_blocks((*network.encoder.blocks, *network.decoder.blocks))
        self.weights = preset.weighting
        self.adversary_starts = round(self.weights.adversarial_from * steps)
        self.perceptual = RandomFeatures()

    def examples(self, images: Examples) -> Examples:
        """Return the images."""
        return images

    def step(self, batch: Batch, generator: torch.Generator, step: int) -> Iterator[Objective]:
        """Yield the loss of the autoencoder, then that of the adversary once it takes part."""
        mean, spread = self.autoencoder.encode(batch.images)
        images = self.autoencoder.decode(mean + normal_like(mean, generator) * spread)
        l1 = (images.float() - batch.images).abs().mean()
        perceptual = self.perceptual.to(images.device)(images, batch.images)
        kl = kl_divergence(mean, spread)
        loss = l1 + self.weights.perceptual * perceptual.float() + self.weights.kl * kl
        adversarial = step >= self.adversary_starts
        if adversarial:
            deception = (self.adversary(images).float() - 1).pow(2).mean()
            loss = loss + self.weights.adversarial * self._balance(l1, perceptual, deception) * deception
        yield Objective("autoencoder", loss, {"l1": l1, "perceptual": perceptual, "kl": kl})
        if adversarial:
            real = (self.adversary(batch.images).float() - 1).pow(2).mean()
            generated = self.adversary(images.detach()).float().pow(2).mean()
            yield Objective("adversary", (real + generated) / 2)

    def _balance(self, l1: Tensor, perceptual: Tensor, deception: Tensor) -> Tensor | float:
        """Return by how much stronger the other terms pull the last layer than the adversary does."""
        if not self.weights.balanced:
            return 1.0
        rebuilt = l1 + self.weights.perceptual * perceptual.float()
        return balance(rebuilt, deception, self.autoencoder.last_weight)

    def validate(self, batch: Batch, generator: torch.Generator) -> dict[str, float]:
        """Return L1 and peak signal-to-noise ratio of reconstructions from mean latents."""
        images = self._reconstruct(batch.images)
        error = (images - batch.images).pow(2).mean()
        return {
            "l1": float((images - batch.images).abs().mean()),
            "psnr_db": float(-10 * torch.log10(error.clamp_min(1e-12))),
        }

    def show(self, batch: Batch, generator: torch.Generator) -> list[tuple[str, np.ndarray]]:
        """Return held-out images beside their reconstructions."""
        images = self._reconstruct(batch.images)
        pictures = []
        for number in range(len(images)):
            pictures.append((f"held-out image {number + 1}", as_array(batch.images[number])))
            pictures.append((f"its reconstruction {number + 1}", as_array(images[number])))
        return pictures

    def _reconstruct(self, images: Tensor) -> Tensor:
        return self.autoencoder.decode(self.autoencoder.encode(images)[0]).float()


class DiffusionTask:
    """Predict the noise in latents at random times, given conditions.

    Parameters
    ----------
    unet : Module
    latents : LatentScale
        Fitted to the first examples that are encoded, those of the training.
    autoencoder : FoldedAutoencoder
        Trained.
    preset : Preset
    cache : Path, optional
        Folder of a store for encoded images.
    """

    name = DIFFUSION
    averaged = ("unet",)

    def __init__(
        self,
        unet: nn.Module,
        latents: LatentScale,
        autoencoder: FoldedAutoencoder,
        preset: Preset,
        cache: Path | None,
    ) -> None:
        self.latents, self.autoencoder = latents, autoencoder
        self.networks: Mapping[str, nn.Module] = {"unet": unet, "latents": latents}
        rate = preset.rates[DIFFUSION]
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "unet": AdamW(unet.parameters(), lr=rate, weight_decay=0.0)
        }
        self.schedule: Schedule = preset.schedule
        self.unet = unet
        self.encodings = Encodings(autoencoder, cache)
        self.fitted = False

    def examples(self, images: Examples) -> Examples:
        """Return mean and spread of the latents of every image, stacked as channels; encoded once."""
        latents = self._encode_all(images)
        if not self.fitted:
            self.latents.fit(*latents.images.chunk(2, dim=1))
            self.fitted = True
        return latents

    def encode(self, images: Examples) -> None:
        """Encode some of the images into the cache, so that several processes share the work."""
        if self.encodings.kept:
            self._encode_all(images)

    def step(self, batch: Batch, generator: torch.Generator, step: int) -> Iterator[Objective]:
        """Yield the mean squared error of the prediction."""
        loss = self._loss(batch, generator)
        yield Objective("unet", loss)

    def validate(self, batch: Batch, generator: torch.Generator) -> dict[str, float]:
        """Return the loss at eight times spread evenly."""
        n, count = self.schedule.n_steps, 8
        times = [torch.tensor([(2 * k + 1) * n // (2 * count)]) for k in range(count)]
        losses = [float(self._loss(batch, generator, time)) for time in times]
        return {"loss": sum(losses) / count}

    def show(self, batch: Batch, generator: torch.Generator) -> list[tuple[str, np.ndarray]]:
        """Return samples for the conditions of held-out subjects."""
        pictures = []
        for number, condition in enumerate(batch.conditions):
            latents = normal_like(batch.images[:1].chunk(2, dim=1)[0], generator)
            for time, before in timestep_pairs(self.schedule.ddim_timesteps(SHOWN_STEPS)):
                at = torch.tensor([time], device=latents.device)
                output = predict(self.unet, latents, at, condition[None]).float()
                latents = self.schedule.ddim_step(output, latents, time, before)
            image = self.autoencoder.decode(self.latents.restore(latents))
            pictures.append((f"sample for held-out subject {number + 1}", as_array(image[0])))
        return pictures

    def _loss(self, batch: Batch, generator: torch.Generator, times: Tensor | None = None) -> Tensor:
        mean, spread = batch.images.chunk(2, dim=1)
        draws = [normal_like(mean, generator) for _ in range(2)]
        clean = self.latents.normalise(mean + draws[0] * spread)
        if times is None:
            times = torch.randint(
                self.schedule.n_steps, (len(mean),), generator=generator, device=generator.device
            )
        times = times.to(mean.device)
        noisy = self.schedule.noisy(clean, draws[1], times)
        output = predict(self.unet, noisy, times, batch.conditions)
        return (output.float() - self.schedule.target(clean, draws[1], times)).pow(2).mean()

    def _encode_all(self, images: Examples) -> ArrayExamples:
        device = next(self.autoencoder.parameters()).device
        alone = device.type == "cpu" or self.encodings.kept
        parts, conditions = [], []
        for part in batches(len(images), 1 if alone else ENCODED_TOGETHER):
            batch = images.batch(range(len(images))[part])
            # The autoencoder does not see the conditions.
            encode = partial(self._encode, batch.images, device)
            parts.append(self.encodings.of(batch.images, batch.conditions[:, :0], encode))
            conditions.append(batch.conditions.cpu())
        return ArrayExamples(torch.cat(parts), torch.cat(conditions))

    def _encode(self, images: Tensor, device: torch.device) -> Tensor:
        return torch.cat(self.autoencoder.encode(images.to(device)), dim=1).float()


def as_array(image: Tensor) -> np.ndarray:
    """Return the only channel of an image, (1, I, J, K), as float32."""
    data: np.ndarray = image[0].float().cpu().numpy()
    return data
