"""How far volumes depend on the arithmetic: float32 against bf16, on real scans.

    python -m benchmarks.segmentation_arithmetic SCAN.nii.gz [SCAN.nii.gz …]

bf16 is imitated: every layer's input and output is rounded to bf16 and computed in float32 between, as
hardware does that adds up in float32, so that the script runs on any machine. Printed are differences of the
volumes in float32 from those, with the weights as they are stored and with those of convolutions rounded to
bf16, as the package runs them.
"""

import argparse
import copy
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.machine import stamp
from plausibrain.cohorts import arithmetic
from plausibrain.cohorts.volumes import Volume, read_volume
from plausibrain.evaluation.networks.half_resolution_unet import (
    HalfResolutionUNet,
    channels_last,
    features_of,
)
from plausibrain.evaluation.segmenters import synthseg_style as segmenter

WEIGHTS = Path(segmenter.__file__).parents[1] / "weights" / "synthseg_style_1mm.safetensors"


def networks() -> Mapping[str, HalfResolutionUNet]:
    """Return the network with stored weights, with rounded ones, and with imitated bf16."""
    weights = {name: value.float() for name, value in load_file(WEIGHTS).items()}
    stored = HalfResolutionUNet(features_of(weights))
    stored.load_state_dict(weights)
    channels_last(stored.eval(), "cpu")
    rounded = copy.deepcopy(stored)
    segmenter.round_convolutions(rounded)
    imitated = copy.deepcopy(rounded)
    for layer in imitated.modules():
        if not list(layer.children()):
            layer.register_forward_pre_hook(lambda _layer, given: tuple(_rounded(x) for x in given))
            layer.register_forward_hook(lambda _layer, _given, answer: _rounded(answer))
    return {"stored": stored, "rounded": rounded, "bf16": imitated}


def _rounded(x: Tensor) -> Tensor:
    return x.bfloat16().float()


def volumes(network: nn.Module, image: Volume) -> Mapping[str, float]:
    """Return the soft volumes of an image, mm³, with another network in float32."""
    with (
        mock.patch.object(segmenter, "load_network", return_value=network),
        mock.patch.object(arithmetic, "has_fast_bf16", return_value=False),
    ):
        return segmenter.synthseg_style(image).volumes


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scans", nargs="+", type=Path)
    given = parser.parse_args()
    print(f"{stamp()}; differences from bf16 in %, float32 with weights as stored / rounded")
    print("| scan | median of all structures | largest | left thalamus |\n|---|---|---|---|")
    ways = networks()
    for path in given.scans:
        image = read_volume(path)
        found = {name: volumes(network, image) for name, network in ways.items()}
        cells: list[list[str]] = [[], [], []]
        for way in ("stored", "rounded"):
            off = {name: 100 * (found[way][name] / value - 1) for name, value in found["bf16"].items()}
            sizes = np.abs(list(off.values()))
            for cell, value in zip(cells, (np.median(sizes), sizes.max(), off["Left-Thalamus"]), strict=True):
                cell.append(f"{value:.3f}")
        print(f"| {path.name} | {' | '.join(' / '.join(cell) for cell in cells)} |", flush=True)


if __name__ == "__main__":
    with torch.no_grad():
        main()
