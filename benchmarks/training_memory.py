"""Memory of one training step at full size, counted without a GPU.

    python -m benchmarks.training_memory

Tensors are fake (shapes and types without numbers), and a meter adds up what lives at the peak: weights,
gradients, states of the optimisers, activations. A GPU needs besides what its context and the workspaces of
convolutions take, one to two gigabytes, and normalises in float32 where a CPU does in bf16: 46.6 GiB were
measured on one (H200) where 29 are counted here.
"""

import argparse
from dataclasses import replace
from typing import Any, cast
from weakref import WeakSet, finalize

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from plausibrain.generation.ldm import presets
from plausibrain.generation.ldm.networks import FoldedAutoencoder
from plausibrain.generation.ldm.presets import AUTOENCODER, DIFFUSION
from plausibrain.generation.ldm.training import LatentDiffusionRecipe
from plausibrain.generation.training.loop import parameters_of
from plausibrain.generation.training.task import Batch, Request

SHAPE, N_CONDITIONS = (160, 224, 160), 4
#: One mode for all cases: tables that modules keep were made in it.
FAKE = FakeTensorMode()


class Meter(TorchDispatchMode):
    """Adds up the bytes of all storages that are alive, and remembers the most."""

    def __init__(self) -> None:
        super().__init__()
        self.live, self.most = 0, 0
        self.known: WeakSet[torch.UntypedStorage] = WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count what it made."""
        result = func(*args, **(kwargs or {}))
        tree_map_only(Tensor, self.count, result)
        return result

    def count(self, tensor: Tensor) -> None:
        """Count a tensor's storage until it dies."""
        storage = tensor.untyped_storage()
        if storage not in self.known:
            self.known.add(storage)
            size = storage.nbytes()
            self.live += size
            self.most = max(self.most, self.live)
            finalize(storage, self.forget, size)

    def forget(self, size: int) -> None:
        """Take off what a storage that has died held."""
        self.live -= size


def peak_gib(stage: str, *, batch: int, recomputed: bool) -> tuple[float, float]:
    """Return GiB at the peak of a step of the published recipe, and those that live between steps."""
    presets.PRESETS["published"] = replace(presets.PUBLISHED, recomputed=recomputed)
    meter = Meter()
    with FAKE, meter:
        recipe = LatentDiffusionRecipe(Request("published", SHAPE, N_CONDITIONS))
        task: Any = recipe.task(AUTOENCODER, {})
        images = torch.rand(batch, 1, *SHAPE)
        if stage == DIFFUSION:
            finished = dict(task.networks)
            channels, *sizes = cast(FoldedAutoencoder, finished["autoencoder"]).latent_shape(SHAPE)
            images = torch.rand(batch, 2 * channels, *sizes)
            task = recipe.task(DIFFUSION, finished)
        given = Batch(images, torch.rand(batch, N_CONDITIONS))
        for _ in range(2):  # the optimisers have their states from the second step on
            meter.most = meter.live
            one_step(task, given, recipe.plans[0].steps)
    return meter.most / 2**30, meter.live / 2**30


def one_step(task: Any, given: Batch, step: int) -> None:
    """Take all gradients of a step and move the weights, as the loop does."""
    objectives = task.step(given, torch.Generator(), step)
    while True:
        with torch.autocast("cpu", torch.bfloat16):
            objective = next(objectives, None)
        if objective is None:
            return
        optimizer = task.optimizers[objective.optimizer]
        parameters = parameters_of(optimizer)
        found = torch.autograd.grad(objective.loss.float(), parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter.grad = gradient
        del found, objective
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def main() -> None:
    """Count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.parse_args()
    cases = [(AUTOENCODER, 1, True), (AUTOENCODER, 1, False), (DIFFUSION, 1, False), (DIFFUSION, 8, False)]
    for stage, batch, recomputed in cases:
        most, kept = peak_gib(stage, batch=batch, recomputed=recomputed)
        how = "blocks recomputed" if recomputed else "everything kept"
        print(
            f"{stage}, {batch} per micro-batch, {how}: {most:.1f} GiB, {kept:.1f} between steps", flush=True
        )


if __name__ == "__main__":
    main()
