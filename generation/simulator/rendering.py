"""A T1w image of a labelled head: tissue contrast that ages, partial volume, texture, bias field and noise.

Grey values are on the usual scale where white matter is about 110. Partial volume comes from the signed
distances: across each boundary the two tissues mix linearly over one voxel.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plausibrain.generation.simulator.anatomy import Anatomy
from plausibrain.generation.simulator.labelling import Depths
from plausibrain.generation.simulator.spatial import resize, smooth

# Cortex is about .64 of white matter at middle age: mixtures of three Gaussians on the scans of OpenNeuro
# ds002748 (CC0).
WHITE, GREY, FLUID = 110.0, 67.0, 22.0
# Grey values relative to the grey-white contrast: 0 is cortex, 1 is white matter; CSF is on its own scale.
WHITENESS: Mapping[int, float] = {
    10: 0.50, 11: 0.14, 12: 0.28, 13: 0.70, 16: 0.72, 17: 0.02, 18: 0.00, 26: 0.10, 28: 0.62,
    7: 0.90, 8: -0.08,
}  # fmt: skip
FLUIDS = (4, 5, 14, 15, 24)
OUTSIDE: Mapping[int, tuple[float, float]] = {
    0: (1.5, 0.8), 506: (20.0, 4.0), 507: (62.0, 14.0), 508: (48.0, 6.0), 509: (30.0, 14.0),
    511: (78.0, 16.0), 512: (85.0, 6.0), 514: (38.0, 12.0), 515: (12.0, 5.0), 516: (72.0, 14.0),
}  # fmt: skip
# Contrast between grey and white matter falls with age, by about this share a year after 25 (Salat 2009).
CONTRAST_LOSS_PER_YEAR = 0.0035
FISSURE_DEPTH = 17.0
TEXTURE = {"grey": 5.5, "white": 2.6, "fluid": 1.5}


@dataclass(frozen=True)
class Scanner:
    """How a site makes its images.

    Attributes
    ----------
    noise : float
        Standard deviation of the noise in each channel, on the scale where white matter is 110.
    bias : float
        Standard deviation of the log of the smooth gain.
    contrast : float
        Grey-white contrast relative to the usual one.
    gain : float
        Scale of all grey values.
    blur_mm : float
        Width (standard deviation) of the point spread.
    """

    noise: float = 2.0
    bias: float = 0.06
    contrast: float = 1.0
    gain: float = 1.0
    blur_mm: float = 0.42


def draw_scanner(site: int, *, seed: int) -> Scanner:
    """Return the scanner of a site: site 0 is the usual one, the others differ as sites do."""
    if site == 0:
        return Scanner()
    rng = np.random.default_rng([seed, site, 7])
    return Scanner(
        noise=float(rng.uniform(1.5, 4.5)),
        bias=float(rng.uniform(0.03, 0.12)),
        contrast=float(rng.uniform(0.8, 1.15)),
        gain=float(rng.uniform(0.6, 1.8)),
        blur_mm=float(rng.uniform(0.3, 0.6)),
    )


def render_t1w(
    depths: Depths,
    labels: Tensor,
    anatomy: Anatomy,
    *,
    age: float,
    scanner: Scanner,
    voxel_mm: float,
    rng: np.random.Generator,
    skull_strip: bool,
) -> Tensor:
    """Return a T1w image.

    Parameters
    ----------
    depths, labels : Depths, Tensor
        Where the boundaries are, and the label of each voxel, (I, J, K).
    anatomy : Anatomy
        Names the envelopes.
    age : float
        Years; older subjects have less contrast between grey and white matter.
    scanner : Scanner
        Noise, bias field, contrast, gain and blur.
    voxel_mm : float
        Voxel size.
    rng : numpy.random.Generator
        The subject's.
    skull_strip : bool
        Set everything outside the brain and its CSF to 0.

    Returns
    -------
    Tensor, (I, J, K)
        Grey values, not negative.
    """
    contrast = (
        scanner.contrast * (1.0 - CONTRAST_LOSS_PER_YEAR * max(age - 25.0, 0.0)) * rng.normal(1.0, 0.04)
    )
    white, grey = WHITE, WHITE - (WHITE - GREY) * float(contrast)
    image = tissue(depths, white, grey, voxel_mm)
    image = cover_outside(image, depths, labels, anatomy, voxel_mm, rng)
    image = cover_deep(image, depths, white, grey, voxel_mm)
    image = image + texture(depths, labels, voxel_mm, rng)
    image = smooth(image[None], scanner.blur_mm / voxel_mm)[0]
    image = image * torch.exp(scanner.bias * smooth_noise(image.shape, 45.0 / voxel_mm, rng))
    # Magnitude of a complex signal: Rician noise.
    noise = torch.from_numpy(rng.standard_normal((2, *image.shape), dtype=np.float32)).to(image.device)
    image = torch.sqrt((image + scanner.noise * noise[0]) ** 2 + (scanner.noise * noise[1]) ** 2)
    if skull_strip:
        image = torch.where(depths.hulls[anatomy.envelope("intracranial")] <= -1.0, image, 0.0)
    return scanner.gain * image


def ramp(depth: Tensor, width_mm: float) -> Tensor:
    """Return the share of a voxel inside a boundary: 1 deep inside, 1/2 on it, 0 outside."""
    return (0.5 - depth / width_mm).clamp(0.0, 1.0)


def tissue(depths: Depths, white: float, grey: float, voxel_mm: float) -> Tensor:
    """Return white matter, cortex and CSF of cerebrum and cerebellum, with partial volume."""
    outer = FLUID + (grey - FLUID) * ramp(depths.pial, voxel_mm)
    image = outer + (white - outer) * ramp(depths.cortex, voxel_mm)
    contrast = white - grey
    # A fissure is a fraction of a voxel wide: it darkens, the more the finer the grid.
    folia = grey + WHITENESS[8] * contrast - FISSURE_DEPTH / max(voxel_mm, 1.0) * depths.fissures
    leaf = folia + (WHITENESS[7] - WHITENESS[8]) * contrast * ramp(depths.cerebellum, voxel_mm)
    return image + (leaf - image) * ramp(depths.cerebellum_hull, voxel_mm)


def cover_deep(image: Tensor, depths: Depths, white: float, grey: float, voxel_mm: float) -> Tensor:
    """Return the image with deep structures and ventricles in it."""
    values = torch.full((100,), grey, device=image.device)
    for label, whiteness in WHITENESS.items():
        values[label] = grey + whiteness * (white - grey)
    values[list(FLUIDS)] = FLUID
    for left, right in (
        (4, 43),
        (5, 44),
        (10, 49),
        (11, 50),
        (12, 51),
        (13, 52),
        (17, 53),
        (18, 54),
        (26, 58),
        (28, 60),
    ):
        values[right] = values[left]
    level = values[depths.deep_label.long()]
    return image + (level - image) * ramp(depths.deep, voxel_mm)


def cover_outside(
    image: Tensor, depths: Depths, labels: Tensor, anatomy: Anatomy, voxel_mm: float, rng: np.random.Generator
) -> Tensor:
    """Return the image with skull, scalp, face and air around the brain."""
    values, spreads = torch.zeros(600), torch.zeros(600)
    for label, (mean, spread) in OUTSIDE.items():
        values[label], spreads[label] = mean, spread
    values, spreads = values.to(image.device), spreads.to(image.device)
    index = labels.long() * (labels > 500)
    mottle = smooth_noise(image.shape, 3.0 / voxel_mm, rng, image.device)
    level = smooth((values[index] + spreads[index] * 0.6 * mottle)[None], 0.5)[0]
    return level + (image - level) * ramp(depths.hulls[anatomy.envelope("intracranial")], voxel_mm)


def texture(depths: Depths, labels: Tensor, voxel_mm: float, rng: np.random.Generator) -> Tensor:
    """Return what makes a tissue uneven: fine grain, and slow differences between regions."""
    grain = smooth_noise(labels.shape, 0.9 / voxel_mm, rng, labels.device)
    slow = smooth_noise(labels.shape, 9.0 / voxel_mm, rng, labels.device)
    is_white = (labels == 2) | (labels == 41) | (labels == 7) | (labels == 46)
    is_fluid = torch.isin(labels, torch.tensor([4, 5, 14, 15, 24, 43, 44], device=labels.device))
    amount = torch.full(labels.shape, TEXTURE["grey"], device=labels.device)
    amount[is_white], amount[is_fluid] = TEXTURE["white"], TEXTURE["fluid"]
    inside = (labels > 0) & (labels < 500)
    return inside * amount * (0.7 * grain + 0.7 * slow)


def smooth_noise(
    shape: torch.Size, width: float, rng: np.random.Generator, device: torch.device | None = None
) -> Tensor:
    """Return noise of unit variance and a Gaussian width in voxels; wide noise is drawn on a coarse grid."""
    stride = max(1, int(width // 1.5))
    coarse = [int(np.ceil(n / stride)) + 1 for n in shape]
    noise = smooth(
        torch.from_numpy(rng.standard_normal((1, *coarse), dtype=np.float32)).to(device), width / stride
    )
    noise = noise / noise.std()
    return noise[0] if stride == 1 and list(noise.shape[1:]) == list(shape) else resize(noise, shape)[0]
