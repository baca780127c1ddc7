"""Features of any network saved as TorchScript: an encoder of your own.

The encoder of the model under test is biased towards it: it was trained to represent exactly what the model
draws. The archive holds a program, which can write files while it runs: it is run only when the option
``run_program=1`` says that you trust it.
"""

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch

from plausibrain.cohorts.errors import ToolError
from plausibrain.cohorts.store import hash_file
from plausibrain.evaluation.extraction import extractor
from plausibrain.evaluation.networks.medicalnet import features


@extractor(label="TorchScript network")
def torchscript(brain: torch.Tensor, *, weights: str, run_program: int = 0) -> np.ndarray:
    """Return what the network makes of a brain, averaged over space where it has any, (c,).

    Parameters
    ----------
    brain : Tensor, (I, J, K)
        Standard brain, given to the network as (1, 1, I, J, K), 0 to 1.
    weights : str
        Path of the archive.
    run_program : int
        1 to run the program in the archive.

    Raises
    ------
    ToolError
        Without ``run_program=1``, or when the file is no archive.
    """
    if int(run_program) != 1:
        raise ToolError(
            f"{weights}: a TorchScript archive is a program and can write files when it runs; "
            "if you trust it, give the extractor torchscript the option run_program=1"
        )
    return features(_network(weights), brain[None, None].float()).float().numpy()


@cache
def _network(weights: str) -> torch.nn.Module:
    if not Path(weights).is_file():
        raise ToolError(f"{weights}: no such file; give the path of a TorchScript archive")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            network: torch.nn.Module = torch.jit.load(weights, map_location="cpu")
    except RuntimeError as error:
        raise ToolError(f"{weights}: is no TorchScript archive ({error})") from error
    return network.eval()


@cache
def weights_hash(weights: str) -> str:
    """Return the hash of the file."""
    return hash_file(weights)
