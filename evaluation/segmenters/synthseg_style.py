"""Our own segmenter: a U-Net trained by domain randomisation on label maps, shipped with its weights.

It measures 32 structures, and 68 parcels of the cortex (`plausibrain.evaluation.cortical_parcels`), at 1 mm
on T1w images of whole heads, which are stripped first (`plausibrain.evaluation.stripping`), or of stripped
brains. What moves it: resolution along thick slices, strong pathology that no label map showed, tissue cut
away by skull-stripping. TIV is the sum of all
structures, fluid around the brain included as far as the stripping left it: for a whole head what lies inside
deepbet's mask, for an image that came stripped what the other program kept. How well it does against manual
labels stands in ``docs/segmenter.md``. At 1 mm a bent tone is undone first (`plausibrain.evaluation.tone`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from plausibrain.cohorts.errors import ToolError
from plausibrain.cohorts.image_parts import run_parts
from plausibrain.cohorts.structures import names, structure
from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.evaluation.background import on_zero_background
from plausibrain.evaluation.channels import CHANNELS
from plausibrain.evaluation.cortical_parcels import WEIGHTS as PARCEL_WEIGHTS
from plausibrain.evaluation.cortical_parcels import divide_cortex, parcel_volumes
from plausibrain.evaluation.hemispheres import left_of_plane
from plausibrain.evaluation.inference import predict
from plausibrain.evaluation.networks.half_resolution_unet import (
    HalfResolutionUNet,
    channels_last,
    features_of,
)
from plausibrain.evaluation.plausibility.judging import with_plausibility
from plausibrain.evaluation.plausibility.population import limits_content
from plausibrain.evaluation.posteriors import (
    Posteriors,
    keep_largest,
    label_ids,
    soft_volumes,
)
from plausibrain.evaluation.quality_score import quality_features
from plausibrain.evaluation.segmentation import SEGMENTERS, Segmentation, check_segmentation
from plausibrain.evaluation.stripping import rule_version, strip
from plausibrain.evaluation.tone import rule_version as tone_version
from plausibrain.evaluation.tone import with_usual_tone
from plausibrain.evaluation.working_grid import WorkingImage, make_working_image, sample_on, winning_channel

NAME = "synthseg_style"
_WEIGHTS = "synthseg_style_1mm.safetensors"
#: Shifts of the logits, by the size of the voxels in which the network answers, mm.
BOUNDARY_FILE = "synthseg_style_boundaries.json"
#: Calibration of the quality score, by the size of the voxels in which the network answers, mm.
QUALITY_FILES = {1: "synthseg_style_1mm_qc.json", 2: "synthseg_style_2mm_qc.json"}


@SEGMENTERS.register(
    label="plausibrain's network (domain randomisation, 1 mm)",
    source=("Billot2023", "Desikan2006"),
    methods="Regional volumes come from the built-in segmentation network, which was trained by domain "
    "randomisation as proposed for SynthSeg [@Billot2023]. Where cortex and ventricles agree that the grey "
    "scale of an image is bent, a power of the grey values undoes that first. The cortex is divided into the "
    "parcels of Desikan and Killiany [@Desikan2006] by an atlas.",
)
def synthseg_style(image: Volume, *, device: str = "cpu", parcels: bool = True) -> Segmentation:
    """Segment an image into 32 structures with the network shipped in this package.

    Parameters
    ----------
    image : Volume, (I, J, K)
        Any orientation, voxel size and intensity scale; with or without skull.
    device : str
        Where the network runs.
    parcels : bool
        Also the volumes of the 68 Desikan-Killiany parcels of the cortex, in about 2 s.

    Returns
    -------
    Segmentation
        Labels on the grid of ``image``; soft volumes; predicted Dice per group; topology.
    """
    return segment_at(image, 1, name=NAME, device=device, parcels=parcels)


def segment_at(
    image: Volume, answer_mm: int, *, name: str, device: str, parcels: bool = False
) -> Segmentation:
    """Return the segmentation by the network's answer in voxels of 1 or 2 mm, checked for plausibility.

    Parameters
    ----------
    image : Volume, (I, J, K)
    answer_mm : {1, 2}
    name : str
        Of the segmenter, for the result.
    device : str
    parcels : bool
        Divide the cortex; label maps keep the cortex as one structure a side.
    """
    result, brain = segment_brain(image, answer_mm, name=name, device=device, parcels=parcels)
    return with_plausibility(result, brain)


def segment_brain(
    image: Volume, answer_mm: int, *, name: str, device: str = "cpu", parcels: bool = False
) -> tuple[Segmentation, Volume]:
    """Return the segmentation before its check for plausibility, and the image without its head.

    Parameters
    ----------
    image, answer_mm, name, device, parcels
        As in `segment_at`.
    """
    brain = strip(on_zero_background(image), device=device)
    working = make_working_image(brain.image)
    if answer_mm == 2:
        working = with_even_sides(working)
    toned, tone_facts = _toned(working, image, answer_mm, device)
    raw, both = predict_both_ways(
        load_network(device),
        torch.from_numpy(toned.data).to(device),
        working.voxel_mm3 * answer_mm**3,
        fine=answer_mm == 1,
        shifts=boundary_shifts(answer_mm),
    )
    data = torch.from_numpy(working.data).to(device)
    posteriors, facts = keep_largest(raw)
    facts |= tone_facts
    grid = working.affine if answer_mm == 1 else halved(working.affine)
    labels, (features, _), volumes = run_parts(
        lambda: LabelMap(
            label_ids(*sample_on(posteriors.structures, posteriors.left, grid, image)), image.affine
        ),
        lambda: quality_features(data, posteriors, both),
        lambda: soft_volumes(posteriors),
    )
    facts |= brain.facts
    for group, (own_dice, mirror_dice) in features.items():
        facts |= {f"expected_dice_{group}": own_dice, f"mirror_dice_{group}": mirror_dice}
    qc = predicted_dice(features, answer_mm)
    structures = names("aseg")
    if parcels:
        volumes |= parcel_volumes(divide_cortex(posteriors, answer_mm), posteriors.voxel_mm3)
        structures = (*structures, *names("dk"))
    own_version = version(answer_mm, parcels=parcels)
    result = Segmentation(labels, volumes, qc, facts, name, own_version, reasons=brain.reasons)
    return check_segmentation(result, structures, image), brain.image


def _toned(
    working: WorkingImage, image: Volume, answer_mm: int, device: str
) -> tuple[WorkingImage, dict[str, float]]:
    """Return the image as the network shall see it, and what was done to its tone; at 2 mm nothing is."""
    if answer_mm == 2:
        return working, {}
    toned, power = with_usual_tone(
        working, load_network(device), voxel_size_mm=image.voxel_size_mm, device=device
    )
    return toned, {"tone_power": power}


def with_even_sides(working: WorkingImage) -> WorkingImage:
    """Return the image with a plane of background added to sides of odd length."""
    return replace(working, data=np.pad(working.data, [(0, n % 2) for n in working.data.shape]))


def halved(affine: np.ndarray) -> np.ndarray:
    """Return the affine of the grid whose voxels hold 2 x 2 x 2 voxels of this one."""
    coarse = affine.copy()
    coarse[:3, 3] += affine[:3, :3].sum(1) / 2
    coarse[:3, :3] *= 2
    return coarse


def predict_both_ways(
    network: HalfResolutionUNet,
    data: torch.Tensor,
    voxel_mm3: float,
    *,
    fine: bool = True,
    shifts: torch.Tensor | None = None,
) -> tuple[Posteriors, tuple[torch.Tensor, torch.Tensor]]:
    """Return the mean posteriors of the image and its mirror image, and the winning channels of each.

    Parameters
    ----------
    network : HalfResolutionUNet
    data : Tensor, (I, J, K)
        RAS, 1 mm, about 0 to 1.
    voxel_mm3 : float
        Volume of a voxel of the result.
    fine : bool
        At 1 mm; else at 2 mm, where the sides of ``data`` must be even.
    shifts : Tensor, (19,), optional
        As in `plausibrain.evaluation.inference.predict`.

    Returns
    -------
    posteriors : Posteriors
    both : two Tensors of uint8, (I, J, K)
        Winning channels of the image and of its mirror image, on the grid of the image.
    """

    def one_way(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        structures, left = predict(network, image, fine=fine, shifts=shifts)
        return structures.cpu(), left.cpu()

    def as_it_is() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        structures, left = one_way(data)
        return structures, left, winning_channel(structures)

    def mirrored() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        structures, left = one_way(data.flip(0))
        structures = structures.flip(1)
        return structures, left.flip(0), winning_channel(structures)

    both = run_parts(as_it_is, mirrored) if data.device.type == "cpu" else (as_it_is(), mirrored())
    (structures, left, once), (mirror, right, twice) = both
    structures = structures.add_(mirror).mul_(0.5)
    left = left_of_plane((left + 1 - right) / 2, structures[1] + structures[2] > 0.5)
    return Posteriors(structures, left, voxel_mm3), (once, twice)


def predicted_dice(features: Mapping[str, tuple[float, float]], answer_mm: int = 1) -> dict[str, float]:
    """Return the quality score of each group, 0 to 1: the calibrated line through both features.

    The line was fitted on renderings of label maps that the network was not trained on
    (`makers.calibrate_quality`).
    """
    lines = _quality_lines(answer_mm)
    return {
        group: float(np.clip(np.dot(lines[group], (1.0, *values)), 0, 1))
        for group, values in features.items()
    }


@cache
def load_network(device: str = "cpu") -> HalfResolutionUNet:
    """Return the network with the shipped weights, ready to run."""
    with as_file(_resource(_WEIGHTS)) as path:
        return read_network(path, device)


def read_network(path: Path, device: str = "cpu") -> HalfResolutionUNet:
    """Return a network with the weights of a safetensors file, ready to run.

    Weights of convolutions are rounded to bf16 on every device. Where the arithmetic is bf16 that changes
    nothing; where it is float32, volumes then differ from those of bf16 by .4 % at most instead of 1.2 %, and
    no longer to the same side in every scan (`benchmarks.segmentation_arithmetic`).
    """
    weights = {name: value.float() for name, value in load_file(path).items()}
    network = HalfResolutionUNet(features_of(weights))
    network.load_state_dict(weights)
    round_convolutions(network)
    return channels_last(network.eval(), device)


@torch.no_grad()
def round_convolutions(network: torch.nn.Module) -> None:
    """Round weights and biases of all convolutions to bf16, in place; they stay float32."""
    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv3d, torch.nn.ConvTranspose3d)):
            for values in layer.parameters(recurse=False):
                values.copy_(values.bfloat16())


@cache
def version(answer_mm: int = 1, *, parcels: bool | None = None) -> str:
    """Return the first digits of the SHA-256 of what decides every result and every flag.

    Without ``parcels``, whether they count is as the segmenter of this ``answer_mm`` does by default.
    """
    with_parcels = answer_mm == 1 if parcels is None else parcels
    content = [*_network_content(answer_mm), limits_content()]
    content += [_resource(PARCEL_WEIGHTS).read_bytes()] if with_parcels else []
    return hashlib.sha256(b"".join(content)).hexdigest()[:12]


@cache
def network_version(answer_mm: int = 1) -> str:
    """Return the same of labels and volumes of structures alone: weights, lines, stripping and tone."""
    return hashlib.sha256(b"".join(_network_content(answer_mm))).hexdigest()[:12]


def _network_content(answer_mm: int) -> list[bytes]:
    names = (_WEIGHTS, BOUNDARY_FILE, QUALITY_FILES[answer_mm])
    rules = (rule_version(), tone_version()) if answer_mm == 1 else (rule_version(),)
    return [*(_resource(name).read_bytes() for name in names), *(rule.encode() for rule in rules)]


@cache
def boundary_shifts(answer_mm: int = 1) -> torch.Tensor:
    """Return what is added to the logit of every channel, (19,), so that volumes of real scans are unbiased.

    Chosen by `makers.calibrate_boundaries` on scans that may shape what ships.
    """
    values = json.loads(_resource(BOUNDARY_FILE).read_text())["shifts"][str(answer_mm)]
    regions = [structure(first).region if first else "" for first, _ in CHANNELS]
    unknown = sorted(set(values) - set(regions))
    if unknown:
        raise ToolError(f"{BOUNDARY_FILE} shifts {', '.join(unknown)}, which the network does not know")
    return torch.tensor([float(values.get(region, 0.0)) for region in regions])


@cache
def _quality_lines(answer_mm: int) -> dict[str, list[float]]:
    lines: dict[str, list[float]] = json.loads(_resource(QUALITY_FILES[answer_mm]).read_text())["lines"]
    return lines


def _resource(name: str) -> Any:  # noqa: ANN401, RUF100
    resource = files("plausibrain.evaluation.weights").joinpath(name)
    if not resource.is_file():
        raise ToolError(
            f"expected {name} in this installation (evaluation/weights), found none; "
            "install the package again, or choose another segmenter"
        )
    return resource
