"""The two stages of BrainSynth: codes of images, then the diffusion of the codes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW

from plausibrain.generation.brainsynth.autoencoder import CodeAutoencoder, Coded
from plausibrain.generation.brainsynth.codebook import CodebookAverages
from plausibrain.generation.brainsynth.masking import AbsorbingDiffusion
from plausibrain.generation.brainsynth.presets import (
    AUTOENCODER,
    DIFFUSION,
    Preset,
    architecture_of,
    build_networks,
    preset_of,
)
from plausibrain.generation.brainsynth.sampling import draw_codes
from plausibrain.generation.brainsynth.transformer import CodeTransformer
from plausibrain.generation.ldm.losses import PatchAdversary, RandomFeatures
from plausibrain.generation.ldm.training import ENCODED_TOGETHER, as_array
from plausibrain.generation.networks.metadata_effect import EffectStatistics
from plausibrain.generation.noise import batches, seeded, uniform
from plausibrain.generation.training.data import ArrayExamples
from plausibrain.generation.training.encodings import Encodings
from plausibrain.generation.training.plans import adjusted_plans, adjusted_rates, check_options
from plausibrain.generation.training.task import Batch, Examples, Objective, Request, Task

SHOWN_STEPS = 25
#: Cells in which no training image exceeds this grey value (of 0 to 1) are not in use.
DARK = 0.02
VALIDATION_SHARES = (0.125, 0.375, 0.625, 0.875)


class BrainSynthRecipe:
    """How BrainSynth is trained; a `plausibrain.generation.training.task.Recipe`.

    Parameters
    ----------
    request : Request
    """

    model = "brainsynth"
    shipped = ("autoencoder", "transformer")

    def __init__(self, request: Request) -> None:
        preset = preset_of(request)
        check_options(request, preset.plans)
        self.request = request
        self.preset = replace(preset, rates=adjusted_rates(preset.rates, request))
        self.plans = adjusted_plans(preset.plans, request)
        self.architecture = architecture_of(self.preset, request.shape, request.n_conditions)

    def task(self, stage: str, networks_before: Mapping[str, nn.Module]) -> Task:
        """Return the task of a stage."""
        with seeded(self.request.seed, self.request.n_conditions):
            networks = build_networks(self.architecture)
            adversary = PatchAdversary(self.preset.adversary_channels)
        if stage == AUTOENCODER:
            autoencoder = cast(CodeAutoencoder, networks["autoencoder"])
            return CodeTask(autoencoder, adversary, self.preset, self.plans[0].steps)
        return CodeDiffusionTask(
            cast(CodeTransformer, networks["transformer"]),
            cast(CodeAutoencoder, networks_before["autoencoder"]),
            self.preset,
            self.request.cache,
        )


class CodeTask:
    """Rebuild images from codes; L1, perceptual, patch-adversarial and commitment terms.

    Codebooks and the effect of metadata follow moving averages, not gradients.

    Parameters
    ----------
    autoencoder : CodeAutoencoder
    adversary : PatchAdversary
    preset : Preset
    steps : int
        Of the stage, to know when the adversary starts.
    """

    name = AUTOENCODER
    averaged = ("autoencoder",)

    def __init__(
        self, autoencoder: CodeAutoencoder, adversary: PatchAdversary, preset: Preset, steps: int
    ) -> None:
        self.autoencoder, self.adversary = autoencoder, adversary
        self.books = CodebookAverages(autoencoder.codebook)
        self.effects = EffectStatistics(autoencoder.effect)
        self.networks: Mapping[str, nn.Module] = {
            "autoencoder": autoencoder, "adversary": adversary, "books": self.books, "effects": self.effects,
        }  # fmt: skip
        rate = preset.rates[AUTOENCODER]
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "autoencoder": AdamW(autoencoder.parameters(), lr=rate, weight_decay=0.0),
            "adversary": AdamW(adversary.parameters(), lr=rate, betas=(0.5, 0.99), weight_decay=0.0),
        }
        self.weights = preset.weighting
        self.adversary_starts = round(self.weights.adversarial_from * steps)
        self.perceptual = RandomFeatures()

    def examples(self, images: Examples) -> Examples:
        """Return the images."""
        return images

    def step(self, batch: Batch, generator: torch.Generator, step: int) -> Iterator[Objective]:
        """Yield the loss of the autoencoder, then that of the adversary once it takes part."""
        codes = self.autoencoder.encode(batch.images, batch.conditions)
        images = self.autoencoder.rebuild(codes)
        l1 = (images.float() - batch.images).abs().mean()
        perceptual = self.perceptual.to(images.device)(images, batch.images).float()
        vectors = self.autoencoder.codebook.look_up(codes.indices)
        commitment = (codes.rest - vectors).pow(2).mean()
        loss = l1 + self.weights.perceptual * perceptual + self.weights.commitment * commitment
        adversarial = step >= self.adversary_starts
        if adversarial:
            loss = loss + self.weights.adversarial * (self.adversary(images).float() - 1).pow(2).mean()
        yield Objective("autoencoder", loss, {"l1": l1, "perceptual": perceptual, "commitment": commitment})
        n_dead = self._follow(batch, codes, generator)
        if adversarial:
            real = (self.adversary(batch.images).float() - 1).pow(2).mean()
            generated = self.adversary(images.detach()).float().pow(2).mean()
            yield Objective("adversary", (real + generated) / 2, {"dead codes": float(n_dead)})

    def validate(self, batch: Batch, generator: torch.Generator) -> dict[str, float]:
        """Return L1 and peak signal-to-noise ratio of images rebuilt from their codes."""
        images = self._rebuilt(batch)
        error = (images - batch.images).pow(2).mean()
        return {
            "l1": float((images - batch.images).abs().mean()),
            "psnr_db": float(-10 * torch.log10(error.clamp_min(1e-12))),
        }

    def show(self, batch: Batch, generator: torch.Generator) -> list[tuple[str, np.ndarray]]:
        """Return held-out images beside what their codes make of them."""
        images = self._rebuilt(batch)
        pictures = []
        for number in range(len(images)):
            pictures.append((f"held-out image {number + 1}", as_array(batch.images[number])))
            pictures.append((f"rebuilt from its codes {number + 1}", as_array(images[number])))
        return pictures

    def _follow(self, batch: Batch, codes: Coded, generator: torch.Generator) -> int:
        autoencoder = self.autoencoder
        self.effects.update(autoencoder.effect, batch.conditions, codes.vectors)
        return self.books.update(autoencoder.codebook, codes.rest.detach(), codes.indices, generator)

    def _rebuilt(self, batch: Batch) -> Tensor:
        codes = self.autoencoder.encode(batch.images, batch.conditions)
        return self.autoencoder.rebuild(codes).float()


class CodeDiffusionTask:
    """Find masked codes again, given the visible ones and metadata.

    The loss is the mean cross-entropy over masked codes, each example with a time of its own. In the
    variational bound (Austin2021, equation 1) a masked code at time t of T weighs T times the chance that it
    shows in the step to t - 1, which is T / t: the inverse of the share that is expected to be masked.
    Dividing by the share that is in fact masked is the same weight with less noise.

    Parameters
    ----------
    transformer : CodeTransformer
    autoencoder : CodeAutoencoder
        Trained.
    preset : Preset
    cache : Path, optional
        Folder of a store for the codes of the images.
    """

    name = DIFFUSION
    averaged = ("transformer",)

    def __init__(
        self,
        transformer: CodeTransformer,
        autoencoder: CodeAutoencoder,
        preset: Preset,
        cache: Path | None = None,
    ) -> None:
        self.transformer, self.autoencoder = transformer, autoencoder
        self.networks: Mapping[str, nn.Module] = {"transformer": transformer}
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "transformer": AdamW(
                transformer.parameters(), lr=preset.rates[DIFFUSION], betas=(0.9, 0.98), weight_decay=0.01
            )
        }
        self.diffusion = AbsorbingDiffusion(preset.n_times, transformer.mask)
        self.untold = preset.weighting.untold
        self.encodings = Encodings(autoencoder, cache)
        self.chosen = False

    def examples(self, images: Examples) -> Examples:
        """Return the codes of the cells in use of every image; the first call, in training, chooses them."""
        device = next(self.autoencoder.parameters()).device
        every, conditions = self._codes(images, device)
        if not self.chosen:
            self.transformer.use(self._lit(images).to(device), every.mode(dim=0).values)
            self.chosen = True
        return ArrayExamples(self.transformer.narrow(every).int().cpu(), conditions)

    def encode(self, images: Examples) -> None:
        """Encode some of the images into the cache, so that several processes share the work."""
        if self.encodings.kept:
            self._codes(images, next(self.autoencoder.parameters()).device)

    def step(self, batch: Batch, generator: torch.Generator, step: int) -> Iterator[Objective]:
        """Yield the cross-entropy of masked codes; times are spread evenly over the batch."""
        codes, n_times = batch.images.long(), self.diffusion.n_steps
        offset = uniform((1,), generator, codes.device)
        shares = (torch.arange(len(codes), device=codes.device) / len(codes) + offset) % 1
        times = (shares * n_times).long().clamp_max(n_times - 1) + 1
        visible = uniform((len(codes), 1), generator, codes.device) >= self.untold
        hidden = self.diffusion.hide(codes, times, generator)
        scores = self.transformer(hidden, batch.conditions, visible.expand_as(batch.conditions))
        loss, right = masked_cross_entropy(scores, codes, hidden == self.transformer.mask)
        yield Objective("transformer", loss, {"share of masked codes found": right})

    def validate(self, batch: Batch, generator: torch.Generator) -> dict[str, float]:
        """Return the cross-entropy with an eighth to seven eighths of the codes masked."""
        codes, losses, rights = batch.images.long(), [], []
        for share in VALIDATION_SHARES:
            time = torch.full((len(codes),), max(1, round(share * self.diffusion.n_steps)))
            hidden = self.diffusion.hide(codes, time, generator)
            scores = self.transformer(hidden, batch.conditions)
            loss, right = masked_cross_entropy(scores, codes, hidden == self.transformer.mask)
            losses.append(float(loss))
            rights.append(float(right))
        n = len(VALIDATION_SHARES)
        return {"loss": sum(losses) / n, "share of masked codes found": sum(rights) / n}

    def show(self, batch: Batch, generator: torch.Generator) -> list[tuple[str, np.ndarray]]:
        """Return samples for the conditions of held-out subjects."""
        steps = min(SHOWN_STEPS, self.diffusion.n_steps)
        pictures = []
        for number, condition in enumerate(batch.conditions[:, None]):
            codes = draw_codes(
                self.transformer, self.diffusion, condition, [generator], n_steps=steps
            )  # fmt: skip
            image = self.autoencoder.decode(codes, condition)
            pictures.append((f"sample for held-out subject {number + 1}", as_array(image[0])))
        return pictures

    def _codes(self, images: Examples, device: torch.device) -> tuple[Tensor, Tensor]:
        codes, conditions = [], []
        alone = device.type == "cpu" or self.encodings.kept
        for part in batches(len(images), 1 if alone else ENCODED_TOGETHER):
            batch = images.batch(range(len(images))[part])
            encode = partial(self._encode, batch, device)
            codes.append(self.encodings.of(batch.images, batch.conditions, encode).to(device))
            conditions.append(batch.conditions.cpu())
        return torch.cat(codes), torch.cat(conditions)

    def _encode(self, batch: Batch, device: torch.device) -> Tensor:
        return self.autoencoder.encode(batch.images.to(device), batch.conditions.to(device)).indices

    def _lit(self, images: Examples) -> Tensor:
        """Return the cells that are not dark in some image."""
        lit = torch.zeros(self.autoencoder.cells, dtype=torch.bool)
        for number in range(len(images)):
            image = images.batch([number]).images
            brightest = functional.max_pool3d(image, self.autoencoder.stride)[:, 0]
            lit |= (brightest > DARK).any(dim=0).cpu()
        return lit


def masked_cross_entropy(scores: Tensor, codes: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean cross-entropy over the masked codes of each example, and the share found; means.

    Parameters
    ----------
    scores : Tensor, (B, …, n_codes)
    codes : Tensor of int64, (B, …)
    mask : Tensor of bool, (B, …)
        An example without a masked code costs nothing.
    """
    costs = functional.cross_entropy(scores.flatten(0, -2), codes.flatten(), reduction="none")
    n = mask.flatten(1).sum(dim=1).clamp_min(1)
    each = (costs.view(codes.shape) * mask).flatten(1).sum(dim=1) / n
    hits = ((scores.argmax(dim=-1) == codes) & mask).flatten(1).sum(dim=1) / n
    return each.mean(), hits.mean()
