"""Training of the VAE-GAN: an autoencoder and a critic that judges its images (larsen2016), conditional."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from plausibrain.generation.gans.presets import (
    STAGE,
    Preset,
    architecture_of,
    build_critic,
    build_encoder,
    build_generator,
)
from plausibrain.generation.gans.recipe import (
    AdversarialRecipe,
    as_array,
    diversity,
    draw,
    fit_to_images,
    optimizer,
    random_shift,
    samples_of,
)
from plausibrain.generation.networks.adversarial_losses import (
    feature_matching,
    logistic_critic,
    logistic_generator,
    normal_divergence,
)
from plausibrain.generation.networks.blocks import normal
from plausibrain.generation.networks.critic import Critic, Judgement
from plausibrain.generation.networks.volume_encoder import VolumeEncoder
from plausibrain.generation.networks.volume_generator import VolumeGenerator
from plausibrain.generation.training.task import Batch, Examples, Objective, Request, Task

CRITIC_GUESS_WEIGHT = 5.0
Judge = Callable[[Tensor], Judgement]


@dataclass(frozen=True)
class Weighting:
    """Weights of the losses of encoder and generator, beside 1 for the L1 of the reconstruction.

    Attributes
    ----------
    features : float
        Feature matching in the critic, the similarity of larsen2016.
    divergence : float
        Chosen so that a number of the latents pays from about 1e-4 of L1 on; in simulated subjects, about 30
        directions of variation do.
    adversarial : float
    guesses : float
        Of the conditions, from images drawn from noise. Small, because a generator that is paid more paints
        patterns that the critic reads as conditions: holes with bright rims in the place of ventricles.
    """

    features: float = 0.2
    divergence: float = 3e-5
    adversarial: float = 0.01
    guesses: float = 0.1


class VaeGanTask:
    """One stage: encoder and generator reconstruct, and fool the critic with reconstructions and new images.

    As in larsen2016 the critic sees real images, reconstructions and images from noise. Unlike there, encoder
    and generator share one loss, an L1 term steadies the start, and both know the conditions.

    Parameters
    ----------
    encoder : VolumeEncoder
    generator : VolumeGenerator
    critic : Critic
    rate : float
    weights : Weighting, optional
    """

    name = STAGE
    averaged: tuple[str, ...] = ("generator", "encoder")

    def __init__(
        self,
        encoder: VolumeEncoder,
        generator: VolumeGenerator,
        critic: Critic,
        rate: float,
        weights: Weighting | None = None,
    ) -> None:
        self.encoder, self.generator, self.critic = encoder, generator, critic
        self.weights, self.fitted = weights or Weighting(), False
        self.networks: Mapping[str, nn.Module] = {
            "generator": generator,
            "encoder": encoder,
            "critic": critic,
        }
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "autoencoder": optimizer(chain(encoder.parameters(), generator.parameters()), rate),
            "critic": optimizer(critic.parameters(), rate),
        }

    def examples(self, images: Examples) -> Examples:
        """Return the images; the networks learn the mean of the first, the training images."""
        if not self.fitted:
            fit_to_images(self.networks, images)
            self.fitted = True
        return images

    def step(self, batch: Batch, generator: torch.Generator, step: int) -> Iterator[Objective]:
        """Yield the loss of the critic, then that of encoder and generator, on the same images."""
        mean, spread = self.encoder(batch.images, batch.conditions)
        latent = mean + spread * normal(mean.shape, generator, mean.device)
        rebuilt = self.generator(latent, batch.conditions)
        samples = draw(self.generator, batch.conditions, generator)
        shift = random_shift(generator)

        def judge(images: Tensor) -> Judgement:
            judgement: Judgement = self.critic(images, batch.conditions, shift)
            return judgement

        yield self._critic_objective(batch, rebuilt.detach(), samples.detach(), judge)
        divergence = normal_divergence(mean, spread)
        yield self._autoencoder_objective(batch, rebuilt, samples, divergence, judge)

    def _critic_objective(self, batch: Batch, rebuilt: Tensor, samples: Tensor, judge: Judge) -> Objective:
        real, *judgements = (judge(images) for images in (batch.images, rebuilt, samples))
        guess_loss = (real.guesses - batch.conditions).pow(2).mean()
        score_loss = logistic_critic(real.scores, torch.cat([judgement.scores for judgement in judgements]))
        loss = score_loss + CRITIC_GUESS_WEIGHT * guess_loss
        return Objective("critic", loss, {"told": score_loss, "guessed real": guess_loss})

    def _autoencoder_objective(
        self, batch: Batch, rebuilt: Tensor, samples: Tensor, divergence: Tensor, judge: Judge
    ) -> Objective:
        with torch.no_grad():
            real = judge(batch.images)
        on_rebuilt, on_drawn = judge(rebuilt), judge(samples)
        l1 = (rebuilt - batch.images).abs().mean()
        features = feature_matching(real.features, on_rebuilt.features)
        adversarial = logistic_generator(torch.cat((on_rebuilt.scores, on_drawn.scores)))
        guesses = (on_drawn.guesses - batch.conditions).pow(2).mean()
        weights = self.weights
        loss = l1 + weights.features * features + weights.divergence * divergence
        loss = loss + weights.adversarial * adversarial + weights.guesses * guesses
        parts = {"l1": l1, "features": features, "divergence": divergence}
        return Objective("autoencoder", loss, parts | {"adversarial": adversarial, "guessed made": guesses})

    def validate(self, batch: Batch, generator: torch.Generator) -> dict[str, float]:
        """Return L1 of reconstructions, error of conditions guessed from new images, and their diversity."""
        generated = draw(self.generator, batch.conditions, generator)
        guesses = self.critic(generated, batch.conditions).guesses
        return {
            "l1": float((self._rebuild(batch) - batch.images).abs().mean()),
            "guessed made": float((guesses - batch.conditions).pow(2).mean()),
            "diversity": diversity(self.generator, batch.conditions, generator),
        }

    def show(self, batch: Batch, generator: torch.Generator) -> list[tuple[str, np.ndarray]]:
        """Return a held-out image, its reconstruction, and samples for held-out conditions."""
        pictures = [("held-out image 1", as_array(batch.images)), ("rebuilt", as_array(self._rebuild(batch)))]
        return pictures + samples_of(self.generator, batch, generator)

    def _rebuild(self, batch: Batch) -> Tensor:
        mean, _ = self.encoder(batch.images, batch.conditions)
        images: Tensor = self.generator(mean, batch.conditions)
        return images


def vae_gan_recipe(request: Request) -> AdversarialRecipe:
    """Return how a VAE-GAN is trained."""
    return AdversarialRecipe("vae_gan", request, _task)


def _task(preset: Preset, shape: tuple[int, int, int], n_conditions: int) -> Task:
    generator = build_generator(architecture_of(preset, shape, n_conditions))
    encoder = build_encoder(preset, shape, n_conditions)
    return VaeGanTask(encoder, generator, build_critic(preset, shape, n_conditions), preset.rate)
