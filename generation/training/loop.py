"""The loop that trains one stage: precision, accumulation, devices, averages, checkpoints, validation.

Step k draws its examples and its noise from (seed, stage, k) alone and the state is written whole, so that a
training that was killed and repeated ends with the same weights as one that was not.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.noise import generator_of, seeded
from plausibrain.generation.training.devices import Devices
from plausibrain.generation.training.state import (
    Row,
    StageState,
    averaged_weights,
    load_state,
    save_state,
    update_averages,
)
from plausibrain.generation.training.task import Examples, StagePlan, Task

ORDER_STREAM, NOISE_STREAM, VALIDATION_STREAM = 1, 2, 3
ROWS_PER_STAGE, VALIDATIONS_PER_STAGE = 200, 10


@dataclass(frozen=True)
class LoopSettings:
    """How the loop runs; the first three decide the result.

    Attributes
    ----------
    seed : int
    stage : int
        Number of the stage, so that stages draw different noise.
    precision : {"bf16", "fp32"}
        Of the networks' arithmetic; weights and losses are fp32.
    save_every_s : float
        Seconds between checkpoints.
    """

    seed: int
    stage: int
    precision: str = "bf16"
    save_every_s: float = 60.0


@dataclass
class Watch:
    """What happens around the steps.

    Attributes
    ----------
    on_row : callable, optional
        Called with the state after each row of the curves.
    on_validation : callable, optional
        Called with the state, networks holding their averages, after each validation.
    stop_after : int, optional
        Leave after this many steps of this call, as a kill would (for tests).
    deadline : float, optional
        Write the state and leave at the first step after this time of `time.monotonic`.
    """

    on_row: Callable[[StageState, Row], None] | None = None
    on_validation: Callable[[StageState, Row], None] | None = None
    stop_after: int | None = None
    deadline: float = math.inf
    sums: dict[str, list[Tensor | float]] = field(default_factory=dict)


def train_stage(
    state: StageState,
    plan: StagePlan,
    examples: Examples,
    held_out: Examples,
    *,
    path: Path,
    settings: LoopSettings,
    devices: Devices,
    watch: Watch | None = None,
) -> StageState:
    """Train a stage to its last step, from where its file says it was.

    Parameters
    ----------
    state : StageState
        Fresh; overwritten by what `path` holds.
    plan : StagePlan
    examples, held_out : Examples
        What `Task.examples` returned for training and validation images.
    path : Path
        File of the state.
    settings : LoopSettings
    devices : Devices
    watch : Watch, optional

    Returns
    -------
    StageState
        The same object; `is_finished` tells whether the stage has ended or only this call.

    Raises
    ------
    DataError
        When the plan does not fit the devices, or the file belongs to another training.
    """
    watch = watch or Watch()
    facts = _facts(plan, settings, len(examples), state.task)
    if path.exists():
        load_state(state, path, facts)
    every = max(1, plan.steps // ROWS_PER_STAGE)
    validate_every = max(every, plan.steps // VALIDATIONS_PER_STAGE // every * every)
    last_save, began, left = time.monotonic(), time.monotonic(), watch.stop_after
    while not is_finished(state, plan) and left != 0 and time.monotonic() < watch.deadline:
        parts = train_step(state, plan, examples, settings, devices)
        state.step += 1
        update_averages(state, plan.averaging)
        for name, value in parts.items():
            watch.sums.setdefault(name, []).append(value)
        left = None if left is None else left - 1
        state.seconds, began = state.seconds + time.monotonic() - began, time.monotonic()
        last = is_finished(state, plan)
        if state.step % every == 0 or last:
            _add_row(state, watch)
            if state.step % validate_every == 0 or last:
                _validate(state, plan, held_out, settings, devices, watch)
            if devices.is_main and (last or time.monotonic() - last_save >= settings.save_every_s):
                save_state(state, path, facts)
                last_save = time.monotonic()
    if devices.is_main and time.monotonic() >= watch.deadline and not is_finished(state, plan):
        save_state(state, path, facts)
    devices.wait()
    return state


def is_finished(state: StageState, plan: StagePlan) -> bool:
    """Return whether a stage has had all its steps, or all its time where that is limited."""
    return state.step >= plan.steps or 0 < plan.seconds <= state.seconds


def train_step(
    state: StageState, plan: StagePlan, examples: Examples, settings: LoopSettings, devices: Devices
) -> dict[str, Tensor | float]:
    """Move all weights once; return the losses, not yet fetched from the device.

    A gradient that is not finite moves nothing of its optimiser: bf16 convolutions of some CPU builds return
    one now and then for very small feature maps.
    """
    task, step = state.task, state.step
    _set_rates(task, rate(plan, step, state.seconds))
    n_micro = math.lcm(plan.accumulate, devices.world)
    if plan.batch_size % n_micro:
        raise DataError(
            f"stage {plan.name}: {plan.batch_size} examples per step cannot be shared by {n_micro} "
            "micro-batches; choose a multiple"
        )
    numbers = example_numbers(len(examples), plan.batch_size, step, settings)
    size = plan.batch_size // n_micro
    gradients: dict[str, list[Tensor]] = {}
    parts: dict[str, Tensor | float] = {}
    for micro in range(devices.rank, n_micro, devices.world):
        batch = examples.batch(numbers[micro * size : (micro + 1) * size]).to(devices.device)
        entropy = (settings.seed, settings.stage, NOISE_STREAM, step, micro)
        with seeded(*entropy):
            steps = task.step(batch, generator_of(*entropy, device=devices.device), step)
            for name, value in _accumulate(steps, task, gradients, n_micro, settings, devices.device):
                parts[name] = parts[name] + value if name in parts else value
    for name, values in gradients.items():
        devices.sum_(values)
        _move(task.optimizers[name], values, plan.clip)
    if devices.world > 1:
        _share_buffers(task, devices)
    return parts


def _accumulate(
    objectives: Iterator[Any],
    task: Task,
    gradients: dict[str, list[Tensor]],
    n_micro: int,
    settings: LoopSettings,
    device: torch.device,
) -> Iterator[tuple[str, Tensor | float]]:
    while True:
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            objective = next(objectives, None)
        if objective is None:
            return
        parameters = parameters_of(task.optimizers[objective.optimizer])
        step_gradients = torch.autograd.grad(
            objective.loss.float() / n_micro,
            parameters,
            retain_graph=objective.keep_graph,
            allow_unused=True,
            materialize_grads=True,
        )
        sums = gradients.get(objective.optimizer)
        if sums is None:
            gradients[objective.optimizer] = list(step_gradients)
        else:
            torch._foreach_add_(sums, list(step_gradients))
        yield objective.optimizer, objective.loss.detach() / n_micro
        for name, value in objective.parts.items():
            yield name, (value.detach() if isinstance(value, Tensor) else value) / n_micro


def parameters_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Return all parameters that an optimiser moves."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def example_numbers(n: int, batch_size: int, step: int, settings: LoopSettings) -> list[int]:
    """Return the examples of a step: each once per pass over the data, in an order of (seed, stage, pass)."""
    numbers = []
    for position in range(step * batch_size, (step + 1) * batch_size):
        turn, place = divmod(position, n)
        generator = generator_of(settings.seed, settings.stage, ORDER_STREAM, turn)
        numbers.append(int(torch.randperm(n, generator=generator)[place]))
    return numbers


def rate(plan: StagePlan, step: int, seconds: float = 0.0) -> float:
    """Return the share of the full learning rate at a step: up, level, down to 2 %.

    Where the time of a stage is limited, the rate falls with whichever of steps and time is further on.
    """
    up = min(1.0, (step + 1) / max(1, plan.warm_up))
    left: float = plan.steps - step
    if plan.seconds > 0:
        left = min(left, plan.steps * (1 - seconds / plan.seconds))
    down = min(1.0, left / max(1.0, plan.steps * plan.fall))
    return up * max(0.02, down)


def _set_rates(task: Task, share: float) -> None:
    for optimizer in task.optimizers.values():
        for group in optimizer.param_groups:
            group.setdefault("full_lr", group["lr"])
            group["lr"] = group["full_lr"] * share


def _move(optimizer: torch.optim.Optimizer, gradients: Sequence[Tensor], clip: float) -> None:
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(gradients))))
    if not torch.isfinite(norm):
        return
    torch._foreach_mul_(list(gradients), torch.clamp(clip / (norm + 1e-6), max=1.0))
    for parameter, gradient in zip(parameters_of(optimizer), gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _share_buffers(task: Task, devices: Devices) -> None:
    """Average what networks keep beside parameters, such as codebooks, over the processes."""
    for network in task.networks.values():
        buffers = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
        for buffer in buffers:
            buffer.div_(devices.world)
        devices.sum_(buffers)


def _add_row(state: StageState, watch: Watch) -> None:
    means = {name: float(sum(values)) / len(values) for name, values in sorted(watch.sums.items())}
    row = {"step": float(state.step)} | means
    watch.sums.clear()
    state.history.append(row)
    if watch.on_row is not None:
        watch.on_row(state, row)


def _validate(
    state: StageState,
    plan: StagePlan,
    held_out: Examples,
    settings: LoopSettings,
    devices: Devices,
    watch: Watch,
) -> None:
    entropy = (settings.seed, settings.stage, VALIDATION_STREAM)
    totals: dict[str, float] = {}
    with averaged_weights(state), seeded(*entropy):
        for number in range(len(held_out)):
            batch = held_out.batch([number]).to(devices.device)
            with torch.autocast(devices.device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
                scores = state.task.validate(batch, generator_of(*entropy, number, device=devices.device))
            for name, value in scores.items():
                totals[name] = totals.get(name, 0.0) + value / len(held_out)
        row = {"step": float(state.step)} | {f"held-out {name}": v for name, v in totals.items()}
        state.history.append(row)
        if watch.on_validation is not None and devices.is_main:
            watch.on_validation(state, row)


def _facts(plan: StagePlan, settings: LoopSettings, n_examples: int, task: Task) -> dict[str, Any]:
    """Return everything that decides the outcome, for the check on resuming; the task must be fresh."""
    rates = {
        f"rate of {name}": optimizer.param_groups[0]["lr"] for name, optimizer in task.optimizers.items()
    }
    return {
        "stage": plan.name,
        **{name: value for name, value in asdict(plan).items() if name != "seconds"},
        **rates,
        "seed": settings.seed,
        "precision": settings.precision,
        "examples": n_examples,
    }
