"""How adversarial models are trained: the parts that LSGAN and VAE-GAN share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from plausibrain.generation.gans.presets import STAGE, Preset, architecture_of, preset_of
from plausibrain.generation.networks.blocks import Deviation, normal
from plausibrain.generation.networks.volume_generator import VolumeGenerator
from plausibrain.generation.noise import seeded
from plausibrain.generation.training.plans import adjusted_plans, adjusted_rates, check_options
from plausibrain.generation.training.task import Batch, Examples, Request, StagePlan, Task

#: Averages of the gradient over few steps: the opponent changes (radford2016, section 4).
BETAS = (0.5, 0.99)
MEAN_OF_IMAGES = 64
#: Half of the voxels that a patch of the second layer of the critic steps over.
MOST_SHIFT = 4


class AdversarialRecipe:
    """How an adversarial model is trained, in one stage; a `plausibrain.generation.training.task.Recipe`.

    Parameters
    ----------
    model : str
    request : Request
    task_of : callable
        ``task_of(preset, shape, n_conditions)``, with fresh weights from torch's global generator.
    """

    shipped: tuple[str, ...] = ("generator",)

    def __init__(
        self, model: str, request: Request, task_of: Callable[[Preset, tuple[int, int, int], int], Task]
    ) -> None:
        self.model, self.request, self.task_of = model, request, task_of
        self.preset = preset_of(request, model)
        plan = StagePlan(
            STAGE, steps=self.preset.steps[model], batch_size=self.preset.batch_size[model],
            averaging=self.preset.averaging, warm_up=self.preset.warm_up,
        )  # fmt: skip
        check_options(request, (plan,))
        self.plans: tuple[StagePlan, ...] = adjusted_plans((plan,), request)
        self.rate = adjusted_rates({STAGE: self.preset.rate}, request)[STAGE]
        self.architecture: Mapping[str, object] = architecture_of(
            self.preset, request.shape, request.n_conditions
        )

    def task(self, stage: str, networks_before: Mapping[str, nn.Module]) -> Task:
        """Return the task of the only stage."""
        with seeded(self.request.seed, self.request.n_conditions):
            preset = replace(self.preset, rate=self.rate)
            return self.task_of(preset, self.request.shape, self.request.n_conditions)


def optimizer(parameters: Iterable[nn.Parameter], rate: float) -> torch.optim.Optimizer:
    """Return the optimiser of one side."""
    return AdamW(parameters, lr=rate, betas=BETAS, weight_decay=0.0)


def draw(generator_network: VolumeGenerator, conditions: Tensor, generator: torch.Generator) -> Tensor:
    """Return images of fresh noise under the given conditions, (B, 1, I, J, K)."""
    noise = normal((len(conditions), generator_network.n_latent), generator, conditions.device)
    images: Tensor = generator_network(noise, conditions)
    return images


def fit_to_images(networks: Mapping[str, nn.Module], images: Examples) -> None:
    """Tell all networks the mean of the examples, and how far these usually are from it.

    Evenly chosen examples stand for all where there are many.
    """
    count = min(len(images), MEAN_OF_IMAGES)
    rows = [number * len(images) // count for number in range(count)]
    total, squares = torch.zeros_like(images.batch([0]).images[0]), torch.zeros(())
    for number in rows:
        image = images.batch([number]).images[0]
        total, squares = total + image, squares + image.pow(2).mean()
    mean = total / count
    spread = (squares / count - mean.pow(2).mean()).clamp_min(0).sqrt()
    for network in networks.values():
        if isinstance(network, VolumeGenerator):
            network.set_template(mean)
        for part in network.modules():
            if isinstance(part, Deviation):
                part.fit(mean, spread)


def random_shift(generator: torch.Generator) -> tuple[int, int, int]:
    """Return a shift for the critic, voxels along each axis."""
    offsets = torch.randint(2 * MOST_SHIFT, (3,), generator=generator, device=generator.device)
    i, j, k = (offsets - MOST_SHIFT).tolist()
    return i, j, k


def diversity(network: VolumeGenerator, conditions: Tensor, generator: torch.Generator) -> float:
    """Return the mean absolute difference of two images of the same conditions; 0 after a collapse."""
    one, other = (draw(network, conditions, generator) for _ in range(2))
    return float((one - other).abs().mean())


def samples_of(
    network: VolumeGenerator, batch: Batch, generator: torch.Generator
) -> list[tuple[str, np.ndarray]]:
    """Return two samples for the conditions of each held-out subject, with captions."""
    pictures = []
    for number, condition in enumerate(batch.conditions):
        for draw_number in (1, 2):
            image = draw(network, condition[None], generator)
            pictures.append((f"sample {draw_number} for held-out subject {number + 1}", as_array(image)))
    return pictures


def as_array(images: Tensor) -> np.ndarray:
    """Return the first image of a batch, (B, 1, I, J, K), as float32, (I, J, K)."""
    data: np.ndarray = images[0, 0].detach().float().cpu().numpy()
    return data
