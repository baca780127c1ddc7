"""Features of a Med3D ("MedicalNet") network: the space of the brain LDM paper's FID.

The weights are not shipped: give the path of a published file. The network was trained to segment CT and MR
of many organs. Which normalisation the published distances used is not stated; here intensities run from -1
to 1, as in HA-GAN's code, to which the LDM paper points. Distances are comparable only with the same
weights, grid and scale, so the hash stands in the name.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch

from plausibrain.cohorts.store import hash_file
from plausibrain.evaluation.extraction import extractor
from plausibrain.evaluation.networks.medicalnet import MedicalResNet, features, medical_resnet
from plausibrain.evaluation.weight_files import read_weights


@extractor(label="Med3D residual network", source=("Chen2019",))
def medicalnet(brain: torch.Tensor, *, weights: str) -> np.ndarray:
    """Return the last features averaged over the image, (2048,) for 50 layers and more, else (512,).

    Parameters
    ----------
    brain : Tensor, (I, J, K)
        Standard brain.
    weights : str
        Path of a published file (``resnet_50.pth``) or of the same tensors as safetensors.
    """
    return features(_network(weights), 2 * brain[None, None].float() - 1).numpy()


@cache
def _network(weights: str) -> MedicalResNet:
    return medical_resnet(read_weights(Path(weights)))


@cache
def weights_hash(weights: str) -> str:
    """Return the hash of the file."""
    return hash_file(weights)
