"""Run recipes, samplers and the segmentation on a GPU that is not there, and print what failed.

    python -m tests.unit.generation_models.fake_gpu

Fake tensors have a shape, a type and a device but no numbers. torch's python backend lends them a device
beside the CPU, with all of autograd, and an operation on tensors of two devices raises as it does on a real
GPU.
"""

import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import backend_registration

from plausibrain.generation.brainsynth import codebook, transformer
from plausibrain.generation.brainsynth.masking import AbsorbingDiffusion
from plausibrain.generation.brainsynth.sampling import draw_codes
from plausibrain.generation.gans import lsgan, vae_gan
from plausibrain.generation.gans.recipe import draw
from plausibrain.generation.ldm.build import build_schedule
from plausibrain.generation.ldm.sampling import LatentDiffusion, Settings
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.registry import find_model
from plausibrain.generation.training import loop
from plausibrain.generation.training.data import ArrayExamples
from plausibrain.generation.training.devices import Devices
from plausibrain.generation.training.loop import LoopSettings, train_step
from plausibrain.generation.training.state import fresh_state, update_averages
from plausibrain.generation.training.task import Request

DEVICE, SHAPE, N_CONDITIONS, N_IMAGES = "gpu:0", (24, 24, 24), 4, 4


class Backend(backend_registration._DummyBackendModule):
    """What torch asks of a device's module."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def is_autocast_enabled(self) -> bool:
        return False


def without_numbers() -> None:
    """Replace the few places where a number decides what happens next."""
    made = torch.tensor
    torch.tensor = lambda data, device=None, **kw: made(data, **kw).to(device or "cpu")
    loop.example_numbers = lambda n, size, step, settings: [number % n for number in range(size)]
    loop.generator_of = lambda *entropy, device: torch.Generator()
    for module in (lsgan, vae_gan):
        module.random_shift = lambda generator: (1, -1, 0)
    codebook.CodebookAverages._restart = lambda *given: 0
    transformer.CodeTransformer.narrow = lambda self, codes: self._tokens(codes).flatten(2)
    original = transformer.CodeTransformer.__init__

    def every_token_in_use(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self._buffers["in_use"] = torch.arange(self.in_use.numel())

    transformer.CodeTransformer.__init__ = every_token_in_use
    transformer.CodeTransformer.n_in_use = property(lambda self: self.in_use.numel())
    transformer.CodeTransformer.use = lambda self, lit, usual: (
        self._tokens(lit[None, None]),
        self.usual.copy_(self._tokens(usual[None])[0].flatten(1)),
    )
    torch.isfinite = lambda values: True


def move(task: Any) -> None:
    """Move networks and optimisers; torch cannot swap fake parameters that an optimiser holds."""
    moved: dict[int, torch.nn.Parameter] = {}
    for network in task.networks.values():
        for module in network.modules():
            for name, value in module._parameters.items():
                if value is not None:
                    new = moved.setdefault(id(value), torch.nn.Parameter(value.detach().to(DEVICE)))
                    module._parameters[name] = new
            for name, value in module._buffers.items():
                module._buffers[name] = None if value is None else value.to(DEVICE)
    for optimizer in task.optimizers.values():
        for group in optimizer.param_groups:
            group["params"] = [moved[id(value)] for value in group["params"]]


def stages(model: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the name of each stage and sampler of a model with what runs it."""
    recipe = find_model(model).recipe(Request("tiny", SHAPE, N_CONDITIONS))
    finished: dict[str, Any] = {}
    images = ArrayExamples(torch.rand(N_IMAGES, 1, *SHAPE), torch.rand(N_IMAGES, N_CONDITIONS))
    for number, plan in enumerate(recipe.plans):

        def train(plan: Any = plan, number: int = number) -> None:
            task = recipe.task(plan.name, finished)
            move(task)
            with torch.no_grad():
                examples = task.examples(images)
            state, devices = fresh_state(task), Devices(DEVICE)
            state.step = plan.steps - 1
            parts = train_step(state, plan, examples, LoopSettings(0, number, "fp32"), devices)
            update_averages(state, plan.averaging)
            there = {value.device.type for value in parts.values() if isinstance(value, torch.Tensor)}
            if there - {"gpu"}:
                raise RuntimeError(f"losses on {there}")
            finished.update(task.networks)

        yield f"{model} {plan.name}", train
    yield f"{model} samples", lambda: sample(model, recipe, finished)


def sample(model: str, recipe: Any, finished: dict[str, Any]) -> None:
    """Sample two images on the device."""
    conditions = torch.rand(2, N_CONDITIONS).to(DEVICE)
    generators = [torch.Generator(), torch.Generator()]
    with torch.no_grad():
        if model == "brainsynth":
            network = finished["transformer"]
            network.widen = lambda codes: codes  # which tokens are in use is a number
            diffusion = AbsorbingDiffusion(recipe.architecture["n_times"], network.mask)
            draw_codes(network, diffusion, conditions, generators, n_steps=2)
        elif model == "ldm":
            sample_latents(recipe, finished, conditions)
        else:
            draw(finished["generator"], conditions, generators[0])


def sample_latents(recipe: Any, finished: dict[str, Any], conditions: Any) -> None:
    """Run both samplers of a latent diffusion, and its decoder."""
    schedule = replace(build_schedule(recipe.architecture), n_steps=4)
    autoencoder = finished["autoencoder"]
    latents = finished["latents"]
    for sampler in ("ddim", "ddpm"):
        settings = Settings(sampler=sampler, steps=2, precision="fp32", device="cpu")
        object.__setattr__(settings, "device", DEVICE)
        unet = finished["unet"]
        model = LatentDiffusion(
            "ldm", (), ImageGrid.of(SHAPE, np.eye(4)),
            "", schedule, settings, unet, autoencoder.latent_shape(SHAPE), latents.restore,
            autoencoder.decode, lambda rows: rows, {},
        )  # fmt: skip
        made = model.draw_latents(conditions, [1, 2])
        image = autoencoder.decode(latents.restore(made[:1]))
        if image.device.type != "gpu":
            raise RuntimeError(f"an image on {image.device}")


def segmentations() -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the segmentation of an image at both resolutions with what runs it: from voxels to posteriors."""
    from plausibrain.evaluation.inference import predict
    from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet
    from plausibrain.evaluation.quality_score import winning_channel
    from plausibrain.evaluation.segmenters import synthseg_style

    def segment(*, fine: bool) -> None:
        network = HalfResolutionUNet((4, 6, 8, 8), 2).eval()
        for module in network.modules():
            for name, value in module._parameters.items():
                if value is not None:
                    module._parameters[name] = torch.nn.Parameter(value.detach().to(DEVICE))
        data, shifts = torch.rand(SHAPE).to(DEVICE), torch.zeros(19)
        with torch.no_grad():
            structures, left = predict(network, data, fine=fine, shifts=shifts)
            if {structures.device.type, left.device.type, winning_channel(structures).device.type} != {"gpu"}:
                raise RuntimeError("a posterior left the device")
            synthseg_style.left_of_plane = lambda left, where: left  # where the plane lies is a number
            posteriors, both = synthseg_style.predict_both_ways(network, data, 1.0, fine=fine, shifts=shifts)
            there = {x.device.type for x in (posteriors.structures, posteriors.left, *both)}
            if there != {"cpu"}:
                raise RuntimeError(f"results on {there}")

    yield "segmentation 1 mm", lambda: segment(fine=True)
    yield "segmentation 2 mm", lambda: segment(fine=False)


def main() -> int:
    """Return how many failed."""
    backend_registration._setup_privateuseone_for_python_backend("gpu", backend_module=Backend())
    failed = 0
    with FakeTensorMode(allow_non_fake_inputs=True):
        without_numbers()
        try:
            torch.rand(2).to(DEVICE) + torch.rand(2)
        except RuntimeError as error:
            print(f"mixed on purpose: {error}")
        models = (stages(model) for model in ("ldm", "brainsynth", "vae_gan", "lsgan"))
        for name, work in chain(*models, segmentations()):
            try:
                work()
                print(f"{name}: ok")
            except Exception as error:
                failed += 1
                print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}")
                traceback.print_exc()
    return failed


if __name__ == "__main__":
    sys.exit(main())
