"""Compile the large parts of a training task, and keep them compiled only where a step gets faster.

Only steps with gradients run compiled: validation and sampling have other batch sizes, each of which would be
compiled again.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from plausibrain.generation.ldm.networks import FoldedAutoencoder
from plausibrain.generation.noise import generator_of
from plausibrain.generation.training.loop import parameters_of
from plausibrain.generation.training.task import Batch, Task

MOST_SHAPES, TRIALS = 64, 4


def compile_parts(task: Task) -> Callable[[], None]:
    """Compile U-Net, encoder and all of a decoder but its last layer; return what undoes it."""
    torch._dynamo.config.recompile_limit = MOST_SHAPES
    modules: list[nn.Module] = []
    for network in task.networks.values():
        if isinstance(network, FoldedAutoencoder):
            inner: Any = network.network
            _in_training(inner.encoder, inner.encoder.forward)
            # The last layer stays outside: its gradient alone is asked for, with the graph kept.
            _in_training(inner.decoder, _trunk(inner.decoder.blocks), last=inner.decoder.blocks[-1])
            modules += [inner.encoder, inner.decoder]
    unet = task.networks.get("unet")
    if unet is not None:
        _in_training(unet, unet.forward)
        modules.append(unet)

    def undo() -> None:
        for module in modules:
            module.__dict__.pop("forward", None)

    return undo


def _trunk(blocks: Any) -> Callable[[Tensor], Tensor]:
    but_last = list(blocks)[:-1]

    def run(maps: Tensor) -> Tensor:
        for block in but_last:
            maps = block(maps)
        return maps

    return run


def _in_training(module: nn.Module, eager: Callable[..., Tensor], last: nn.Module | None = None) -> None:
    compiled = torch.compile(eager, dynamic=False)

    def forward(*args: Any, **kwargs: Any) -> Tensor:
        result = (compiled if torch.is_grad_enabled() else eager)(*args, **kwargs)
        return result if last is None else last(result)

    module.forward = forward


def milliseconds(task: Task, batch: Batch, step: int, device: str) -> float:
    """Return the least time of a step's losses and gradients; weights do not move."""
    times = []
    for number in range(TRIALS):
        began = time.perf_counter()
        objectives = task.step(batch, generator_of(1, number, device=device), step)
        while True:
            with torch.autocast(device, torch.bfloat16):
                objective = next(objectives, None)
            if objective is None:
                break
            parameters = parameters_of(task.optimizers[objective.optimizer])
            gradients = torch.autograd.grad(objective.loss.float(), parameters, allow_unused=True)
            sizes = [gradient.norm() for gradient in gradients if gradient is not None]
            if not torch.isfinite(torch.stack(sizes)).all():
                raise ValueError("a gradient is not finite")
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - began))
    return min(times[1:])


def _nothing() -> None:
    """Undo nothing."""


def keep_if_faster(task: Task, batch: Batch, step: int, device: str, log: Callable[[str], None]) -> bool:
    """Compile, and undo it where that fails or a step is no faster."""
    eager = compiled = float("inf")
    began = time.perf_counter()
    undo: Callable[[], None] = _nothing
    try:
        eager = milliseconds(task, batch, step, device)
        undo = compile_parts(task)
        compiled = milliseconds(task, batch, step, device)
    except Exception as error:  # whatever compilers raise, training goes on without
        log(f"not compiled: {type(error).__name__}: {str(error)[:200]}")
        compiled = float("inf")
    seconds = time.perf_counter() - began
    log(f"a step takes {eager:.0f} ms, compiled {compiled:.0f} ms ({seconds:.0f} s of compilation)")
    if compiled < 0.95 * eager:
        return True
    undo()
    return False
