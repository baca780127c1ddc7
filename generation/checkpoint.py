"""Checkpoints: a folder with ``model.json`` (everything but the weights) and ``weights.safetensors``.

Nothing in a checkpoint is ever executed. ``model.json`` carries the SHA-256 of the weights, so a truncated
or exchanged file is found before it is used, and the names and shapes of the weights must be exactly those of
the networks that the architecture describes.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import Store, hash_file, write_atomic, write_text_atomic
from plausibrain.cohorts.text_files import read_json
from plausibrain.generation.architectures import CheckpointFile, check_part
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.scaler import ConditionScaler

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = 1
DESCRIPTION, WEIGHTS = "model.json", "weights.safetensors"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model as it lies on disk.

    Attributes
    ----------
    model : str
        Name of the plug-in that reads it.
    architecture : mapping
        What builds the networks; JSON values only, named arguments of constructors.
    grid : ImageGrid
    scaler : ConditionScaler
    facts : mapping
        How it was trained: subjects, steps, seed, time, versions; JSON values only.
    weights : mapping of str to Tensor
        By ``network.parameter``, float32; empty when read without weights.
    hash : str
        SHA-256 of what the images depend on; empty before it is written.
    """

    model: str
    architecture: Mapping[str, Any]
    grid: ImageGrid
    scaler: ConditionScaler
    facts: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, "Tensor"] = field(default_factory=dict)
    hash: str = ""

    def build(self, make: Callable[[Mapping[str, Any]], Mapping[str, "nn.Module"]]) -> dict[str, "nn.Module"]:
        """Return the networks of the architecture with these weights.

        Shapes are compared before a network takes memory: the architecture is a claim of the file.

        Parameters
        ----------
        make : callable
            From an architecture to networks with fresh weights, by name.

        Raises
        ------
        DataError
            When the networks cannot be made, or the weights do not fit them.
        """
        import torch

        with torch.device("meta"):
            self._require_fit(make(self.architecture))
        networks = dict(make(self.architecture))
        self.load_into(networks)
        return networks

    def require_conditions(self, n: int) -> None:
        """Raise a `DataError` unless ranges are stated for as many conditions as the networks expect."""
        if n != len(self.scaler.columns):
            raise DataError(
                f"the networks of this {self.model} checkpoint expect {n} conditions, its ranges name "
                f"{len(self.scaler.columns)}; copy or train it again"
            )

    def load_into(self, networks: Mapping[str, "nn.Module"]) -> None:
        """Put the weights into networks; every name and shape must match.

        Parameters
        ----------
        networks : mapping of str to Module
            By the names that `write_checkpoint` was given.

        Raises
        ------
        DataError
            Lists what is missing, unexpected or of another shape.
        """
        self._require_fit(networks)
        for name, network in networks.items():
            network.load_state_dict(self.weights_of(name))
            network.eval().requires_grad_(requires_grad=False)

    def _require_fit(self, networks: Mapping[str, "nn.Module"]) -> None:
        problems = _differences(state_of(networks), self.weights)
        if problems:
            raise DataError(
                f"the weights do not fit the architecture of this {self.model} checkpoint: {problems}; "
                "it was made by another version or put together by hand, train or fetch it again"
            )

    def weights_of(self, network: str) -> dict[str, "Tensor"]:
        """Return the weights of one network by the names of its parameters; empty when it has none."""
        start = f"{network}."
        return {k.removeprefix(start): v for k, v in self.weights.items() if k.startswith(start)}


def write_checkpoint(
    folder: str | os.PathLike[str],
    checkpoint: Checkpoint,
    networks: Mapping[str, "nn.Module"],
    *,
    half: bool = True,
) -> Checkpoint:
    """Write a checkpoint, weights first, each file whole or not at all.

    Parameters
    ----------
    folder : path-like
        Made when missing.
    checkpoint : Checkpoint
        Its own weights are ignored.
    networks : mapping of str to Module
    half : bool
        Store the weights as fp16, which is what is read back.

    Returns
    -------
    Checkpoint
        As `read_checkpoint` reads it.
    """
    import torch
    from safetensors.torch import save_file

    target = Path(folder)
    state = {
        name: (value.half() if half and value.dtype == torch.float32 else value).cpu().contiguous().clone()
        for name, value in state_of(networks).items()
    }
    write_atomic(target / WEIGHTS, lambda path: save_file(state, path))
    (target / WEIGHTS).chmod(0o644)  # safetensors writes files that only their owner can read
    description = {
        "format": FORMAT,
        "model": checkpoint.model,
        "architecture": dict(checkpoint.architecture),
        "grid": checkpoint.grid.as_data(),
        "conditions": checkpoint.scaler.as_data(),
        "facts": dict(checkpoint.facts),
        "weights_sha256": hash_file(target / WEIGHTS),
    }
    _write_description(target, description)
    return read_checkpoint(target, checkpoint.model)


def read_checkpoint(folder: str | os.PathLike[str], model: str | None = None) -> Checkpoint:
    """Read a checkpoint; weights become float32.

    Parameters
    ----------
    folder : path-like
    model : str, optional
        Name of the plug-in that wants it.

    Returns
    -------
    Checkpoint

    Raises
    ------
    DataError
        When a file is missing, cut off, changed, of another model or another format.
    """
    source = Path(folder)
    description = _read_description(source / DESCRIPTION)
    if model is not None and description["model"] != model:
        raise DataError(
            f"{source} is a checkpoint of {description['model']!r}, not of {model!r}; choose the other "
            "model or checkpoint"
        )
    digest = hash_file(source / WEIGHTS)
    if digest != description["weights_sha256"]:
        raise DataError(
            f"{source / WEIGHTS} is cut off or not the file that {DESCRIPTION} describes (SHA-256 "
            f"{digest[:12]}…, expected {str(description['weights_sha256'])[:12]}…); copy the checkpoint again"
        )
    grid, scaler = ImageGrid.of(**description["grid"]), ConditionScaler.of(description["conditions"])
    key = Store.key(description["architecture"], grid.as_data(), scaler.as_data(), digest)
    return Checkpoint(
        model=str(description["model"]),
        architecture=description["architecture"],
        grid=grid,
        scaler=scaler,
        facts=description["facts"],
        weights=_read_weights(source / WEIGHTS),
        hash=key,
    )


def state_of(networks: Mapping[str, "nn.Module"]) -> dict[str, "Tensor"]:
    """Return parameters and buffers of several networks by ``network.name``."""
    return {
        f"{name}.{key}": value
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }


def _write_description(folder: Path, description: Mapping[str, Any]) -> None:
    write_text_atomic(folder / DESCRIPTION, json.dumps(description, indent=1, ensure_ascii=False) + "\n")


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = read_json(path)
    except FileNotFoundError as error:
        raise DataError(
            f"{path.parent} is no checkpoint: it has no {DESCRIPTION}; give its folder"
        ) from error
    except DataError as error:
        raise DataError(f"{path} is not whole JSON ({error}); copy the checkpoint again") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        file_format = description.get("format") if isinstance(description, dict) else "no format"
        raise DataError(
            f"{path} has format {file_format}, this version reads {FORMAT}; install the version it needs"
        )
    check_part(CheckpointFile, description, str(path))
    return description


def _read_weights(path: Path) -> dict[str, "Tensor"]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"{path} is no safetensors file ({error}); pickled weights are never read, train it again"
        ) from error
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def _differences(state: Mapping[str, "Tensor"], weights: Mapping[str, "Tensor"]) -> str:
    absent, extra = sorted(state.keys() - weights.keys()), sorted(weights.keys() - state.keys())
    shapes = sorted(
        f"{name} {tuple(weights[name].shape)} instead of {tuple(value.shape)}"
        for name, value in state.items()
        if name in weights and weights[name].shape != value.shape
    )
    parts = (("missing", absent), ("unexpected", extra), ("other shape", shapes))
    return "; ".join(f"{what}: {_some(names)}" for what, names in parts if names)


def _some(names: list[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
