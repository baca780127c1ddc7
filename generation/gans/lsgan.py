"""Training of the LSGAN: a generator against a critic with least squares (mao2017), conditional."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import nn

from plausibrain.generation.gans.presets import STAGE, Preset, architecture_of, build_critic, build_generator
from plausibrain.generation.gans.recipe import (
    AdversarialRecipe,
    diversity,
    draw,
    fit_to_images,
    optimizer,
    random_shift,
    samples_of,
)
from plausibrain.generation.networks.adversarial_losses import least_squares_critic, least_squares_generator
from plausibrain.generation.networks.critic import Critic
from plausibrain.generation.networks.volume_generator import VolumeGenerator
from plausibrain.generation.training.task import Batch, Examples, Objective, Request, Task

#: Weight of the guessed conditions beside the adversarial loss. A generator for which they count paints
#: patterns that the critic reads as conditions; it learns them from the critic's projection instead.
CRITIC_GUESS_WEIGHT, GUESS_WEIGHT = 5.0, 0.5


class LsganTask:
    """One stage: the critic learns to tell and to guess conditions, the generator to fool and to be guessed.

    Parameters
    ----------
    generator : VolumeGenerator
    critic : Critic
    rate : float
    """

    name = STAGE
    averaged: tuple[str, ...] = ("generator",)

    def __init__(self, generator: VolumeGenerator, critic: Critic, rate: float) -> None:
        self.generator, self.critic, self.fitted = generator, critic, False
        self.networks: Mapping[str, nn.Module] = {"generator": generator, "critic": critic}
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            name: optimizer(network.parameters(), rate) for name, network in self.networks.items()
        }

    def examples(self, images: Examples) -> Examples:
        """Return the images; the networks learn the mean of the first, the training images."""
        if not self.fitted:
            fit_to_images(self.networks, images)
            self.fitted = True
        return images

    def step(self, batch: Batch, generator: torch.Generator, step: int) -> Iterator[Objective]:
        """Yield the loss of the critic, then that of the generator, on the same images."""
        generated = draw(self.generator, batch.conditions, generator)
        shift = random_shift(generator)
        on_real = self.critic(batch.images, batch.conditions, shift)
        on_made = self.critic(generated.detach(), batch.conditions, shift)
        guess_loss = (on_real.guesses - batch.conditions).pow(2).mean()
        score_loss = least_squares_critic(on_real.scores, on_made.scores)
        yield Objective(
            "critic",
            score_loss + CRITIC_GUESS_WEIGHT * guess_loss,
            {"told": score_loss, "guessed real": guess_loss},
        )
        judgement = self.critic(generated, batch.conditions, shift)
        obedience = (judgement.guesses - batch.conditions).pow(2).mean()
        deception = least_squares_generator(judgement.scores)
        parts = {"fooled": deception, "guessed made": obedience}
        yield Objective("generator", deception + GUESS_WEIGHT * obedience, parts)

    def validate(self, batch: Batch, generator: torch.Generator) -> dict[str, float]:
        """Return how well conditions are guessed from real and made images, and how made images differ."""
        generated = draw(self.generator, batch.conditions, generator)
        losses = {}
        for name, images in (("guessed real", batch.images), ("guessed made", generated)):
            guesses = self.critic(images, batch.conditions).guesses
            losses[name] = float((guesses - batch.conditions).pow(2).mean())
        return losses | {"diversity": diversity(self.generator, batch.conditions, generator)}

    def show(self, batch: Batch, generator: torch.Generator) -> list[tuple[str, np.ndarray]]:
        """Return samples for the conditions of held-out subjects."""
        return samples_of(self.generator, batch, generator)


def lsgan_recipe(request: Request) -> AdversarialRecipe:
    """Return how an LSGAN is trained."""
    return AdversarialRecipe("lsgan", request, _task)


def _task(preset: Preset, shape: tuple[int, int, int], n_conditions: int) -> Task:
    generator = build_generator(architecture_of(preset, shape, n_conditions))
    return LsganTask(generator, build_critic(preset, shape, n_conditions), preset.rate)
