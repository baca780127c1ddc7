"""What a killed training needs to go on as if nothing had happened: one file, whole or absent."""

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import write_atomic
from plausibrain.generation.training.task import Task

Row = dict[str, float]


@dataclass
class StageState:
    """A stage in training.

    Attributes
    ----------
    task : Task
    averages : dict of str to dict of str to Tensor
        Moving averages of parameters, and copies of buffers, of each averaged network.
    step : int
        Moves of the weights so far.
    history : list of dict
        Rows of the curves: ``step``, means of the losses since the row before, or validation numbers.
    seconds : float
        Time spent so far.
    """

    task: Task
    averages: dict[str, dict[str, Tensor]]
    step: int = 0
    history: list[Row] = field(default_factory=list)
    seconds: float = 0.0


def fresh_state(task: Task) -> StageState:
    """Return the state before the first step; the averages start at the weights."""
    averages = {
        name: {key: value.detach().clone() for key, value in task.networks[name].state_dict().items()}
        for name in task.averaged
    }
    return StageState(task, averages)


def update_averages(state: StageState, decay: float) -> None:
    """Move the averages towards the weights: ``average = decay * average + (1 - decay) * weight``.

    Early on the decay is at most (step + 1) / (step + 10), so that the start is forgotten.
    """
    share = 1.0 - min(decay, (state.step + 1) / (state.step + 10))
    with torch.no_grad():
        for name, average in state.averages.items():
            network = state.task.networks[name]
            weights = dict(network.named_parameters())
            torch._foreach_lerp_([average[key] for key in weights], list(weights.values()), share)
            for key, value in network.state_dict().items():
                if key not in weights:
                    average[key].copy_(value)


@contextmanager
def averaged_weights(state: StageState) -> Iterator[None]:
    """Run a block in which the networks hold their averages, in evaluation mode, without gradients."""
    networks = state.task.networks
    own = {
        name: {k: v.detach().clone() for k, v in networks[name].state_dict().items()}
        for name in state.averages
    }
    try:
        for name, average in state.averages.items():
            networks[name].load_state_dict(average)
        _set_training(networks, training=False)
        with torch.no_grad():
            yield
    finally:
        for name, weights in own.items():
            networks[name].load_state_dict(weights)
        _set_training(networks, training=True)


def _set_training(networks: Mapping[str, nn.Module], *, training: bool) -> None:
    for network in networks.values():
        network.train(training)


def save_state(state: StageState, path: Path, settings: Mapping[str, Any]) -> None:
    """Write the state with the settings that decide its future."""
    content = {
        "settings": dict(settings),
        "step": state.step,
        "seconds": state.seconds,
        "history": state.history,
        "averages": state.averages,
        "networks": {name: network.state_dict() for name, network in state.task.networks.items()},
        "optimizers": {name: opt.state_dict() for name, opt in state.task.optimizers.items()},
    }
    write_atomic(path, lambda temporary: torch.save(content, temporary))


def load_state(state: StageState, path: Path, settings: Mapping[str, Any]) -> None:
    """Bring a fresh state to where a file says it was.

    Raises
    ------
    DataError
        When the file is broken or belongs to a training with other settings.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise DataError(
            f"{path} is no whole training state ({str(error).splitlines()[0]}); delete it to "
            "train this stage again"
        ) from error
    change = _difference(_lengthen(content, settings), settings)
    if change:
        raise DataError(
            f"{path} belongs to a training with other settings ({change}); repeat the command it was "
            "started with, or choose another folder"
        )
    for name, network in state.task.networks.items():
        network.load_state_dict(content["networks"][name])
    for name, optimizer in state.task.optimizers.items():
        optimizer.load_state_dict(content["optimizers"][name])
    for name, average in state.averages.items():
        for key, value in average.items():
            value.copy_(content["averages"][name][key])
    state.step, state.history = content["step"], content["history"]
    state.seconds = content["seconds"]


def _lengthen(content: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a file, with a larger number of steps where that is wanted now."""
    settings_there = dict(content["settings"])
    if int(settings.get("steps", 0)) > int(settings_there.get("steps", 0)):
        settings_there["steps"] = settings["steps"]
    return settings_there


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return in words what differs of what the file states."""
    keys = [key for key in sorted(old) if old[key] != new.get(key)]
    return ", ".join(f"{key}: {old.get(key)!r} there, {new.get(key)!r} here" for key in keys)
