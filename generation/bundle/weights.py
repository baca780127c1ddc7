"""Weights of the bundle: read without executing anything, renamed as in the port, checked name by name."""

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from plausibrain.cohorts.errors import DataError

#: The port's names for what the original called otherwise: the last layer of an attention (pattern,
#: replacement), and the ``conv`` after an upsampling, ``postconv`` in the port.
RENAMED = ((re.compile(r"\.to_out\.0\.(weight|bias)$"), r".out_proj.\1"),)
POSTCONV = ".postconv."
MAX_LISTED = 8


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a ``.pt`` or ``.pth`` file, float32.

    Parameters
    ----------
    path : Path
        A state dict, possibly under the single key ``state_dict`` or ``model``.

    Raises
    ------
    DataError
        When the file is missing, cut off, or pickles anything but tensors.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unusual pickle protocol; whatever is not a tensor is refused
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; fetch the bundle, or place the file there") from error
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path} pickles more than tensors, which could run code; it was refused unread, fetch it again"
        ) from error
    except (RuntimeError, OSError, EOFError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} is cut off or no file of weights ({_first_line(error)}); fetch it again"
        ) from error
    return _tensors(content, path)


def load_strictly(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load weights of either layout into a network of MONAI; see `fitting_weights`."""
    network.load_state_dict(fitting_weights(network, weights, path))


def fitting_weights(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return weights of either layout under the names of a network of MONAI; names and shapes must match.

    Parameters
    ----------
    network : Module
        May lie on the device "meta", where it takes no memory.
    weights : mapping of str to Tensor
    path : Path
        Their file, for messages.

    Raises
    ------
    DataError
        Lists missing and unexpected names, and shapes that differ.
    """
    state = network.state_dict()
    tensors = in_port_names(weights, state)
    shapes = [
        f"{name} {tuple(tensors[name].shape)} for {tuple(value.shape)}"
        for name, value in state.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    problems = {
        "missing": sorted(state.keys() - tensors.keys()),
        "unexpected": sorted(tensors.keys() - state.keys()),
        "other shape": shapes,
    }
    details = "; ".join(f"{what}: {_listing(names)}" for what, names in problems.items() if names)
    if details:
        raise DataError(f"{path} does not fit the networks of the configuration; {details}")
    return tensors


def in_port_names(weights: Mapping[str, Tensor], state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the weights under the names of the port; names that it kept, or that nobody knows, stay."""
    old_to_new = {
        name.replace(POSTCONV, ".conv."): name
        for name in state
        if POSTCONV in name and name.replace(POSTCONV, ".conv.") not in state
    }
    tensors: dict[str, Tensor] = {}
    for name, value in weights.items():
        new = old_to_new.get(name, name) if name not in state else name
        for pattern, replacement in RENAMED:
            candidate = pattern.sub(replacement, new)
            new = candidate if new not in state and candidate in state else new
        if new in tensors:
            raise DataError(f"two weights would both be called {new!r}; fetch the bundle again")
        tensors[new] = value
    return tensors


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and set(content) == {key} and isinstance(content[key], dict):
            content = content[key]
    if (
        not isinstance(content, dict)
        or not content
        or not all(isinstance(v, Tensor) for v in content.values())
    ):
        raise DataError(f"{path} holds no table of tensors by name; fetch it again")
    plain = {str(name).removeprefix("module."): value for name, value in content.items()}
    return {name: value.float() if value.is_floating_point() else value for name, value in plain.items()}


def _listing(names: list[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
