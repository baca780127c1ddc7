"""Reading weights that somebody gives by path, as data: nothing in the file is executed."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from plausibrain.cohorts.errors import ToolError


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, or of a PyTorch file that holds tensors only.

    Parameters
    ----------
    path : Path
        A PyTorch file may hold them under ``state_dict``.

    Raises
    ------
    ToolError
        When the file is missing, or holds something else.
    """
    if not path.is_file():
        raise ToolError(f"{path}: no such file; give the path of the weights")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _from_torch(path)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, EOFError) as error:
        raise ToolError(
            f"{path}: holds no plain weights ({error}); expected safetensors or a file of tensors"
        ) from error
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ToolError(f"{path}: holds no tensors; expected the weights of a network")
    return tensors


def _from_torch(path: Path) -> dict[str, Tensor]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    return dict(content) if isinstance(content, dict) else {}
