"""The tone of a T1w image: how dark its tissues are beside white matter, brought back where it was bent.

Generators, viewers and intensity corrections bend the grey scale, and a segmenter that reads grey values then
moves borders: ventricles look smaller in an image that was brightened. Anatomy does not depend on tone, so a
bent tone is undone before the network measures. A first look at the middle of the brain gives the medians of
cortex and of the fluid in the lateral ventricles over that of white matter; each asks for a power of the grey
values that makes it usual. Medians within labels follow a monotone change of tone exactly; shares of a
histogram would not, as they depend on atrophy.

Two witnesses are heard, because cortex over white matter is no tone alone: it rises with age, with partial
volume, and from scanner to scanner. What sound scans show is left exactly as it is; so is an image whose
ventricles do not say the same, or hold too little fluid to be asked, and one that only a power above 2.2
would make usual, which is another contrast. Images with voxels above 1.2 mm, in which cortex is mixed with
what lies beside it, are not looked at.

What it cannot do: one number is corrected, the same for the whole image. Measures of image quality see the
image as it was.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from plausibrain.evaluation.channels import CHANNELS
from plausibrain.evaluation.inference import predict
from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet
from plausibrain.evaluation.working_grid import WorkingImage

#: Raise when what is done to an image changes: results in a store are then made again.
RULE = 1
#: Images whose largest voxel side is above this are left as they are, mm.
LARGEST_VOXEL_MM = 1.21
#: Median over that of white matter, cortex and ventricles: the medians of 16 scans of ds002748 (CC0), as
#: `makers.measure_tone` prints them.
USUAL_CORTEX, USUAL_FLUID = 0.593, 0.238
#: Logarithms of powers. Up to the first, the range of cortex in those 16 scans, nothing is done; from the
#: second on everything.
LEAST, FULL = 0.13, 0.26
#: No power is larger than the first. Where cortex asks for more to be darkened, less is done, and beyond the
#: second nothing.
FADES, NONE = 0.5, 0.8
#: Sides of the block in the middle that is looked at, mm: to the right, forward, up.
_BLOCK = (112, 144, 96)
#: First label, least posterior and least number of voxels of 2 mm: fluid, cortex, white matter.
_LOOKED_AT = ((4, 0.95, 30), (3, 0.9, 200), (2, 0.97, 200))


def with_usual_tone(
    working: WorkingImage,
    network: HalfResolutionUNet,
    *,
    voxel_size_mm: Sequence[float],
    device: str = "cpu",
) -> tuple[WorkingImage, float]:
    """Return the image with a bent tone undone, and the power to which its grey values were raised.

    Parameters
    ----------
    working : WorkingImage
        1 mm.
    network : HalfResolutionUNet
    voxel_size_mm : sequence of float, (3,)
        Of the image as it came.
    device : str

    Notes
    -----
    White matter keeps its grey value w; others become w (x / w)^power, at most 1.5.
    """
    if max(voxel_size_mm) > LARGEST_VOXEL_MM:
        return working, 1.0
    fluid, cortex, white = tissue_levels(working.data, network, device=device)
    power = power_for(fluid / white, cortex / white) if white > 0 else 1.0
    if power == 1:
        return working, 1.0
    data = np.float32(white) * (working.data / np.float32(white)) ** np.float32(power)
    return replace(working, data=np.minimum(data, np.float32(1.5))), power


def power_for(fluid: float, cortex: float) -> float:
    """Return the power that brings levels over that of white matter back to what is usual; 1 to leave them.

    Parameters
    ----------
    fluid, cortex : float
        Medians over that of white matter; NaN where there is too little to be asked.

    Examples
    --------
    A usual scan, the same brightened by a power of 0.7 and darkened by 1.5, and cortex as in old age:

    >>> power_for(0.25, 0.61)
    1.0
    >>> round(power_for(0.238**0.7, 0.593**0.7) * 0.7, 3)
    1.0
    >>> round(power_for(0.238**1.5, 0.593**1.5) * 1.5, 3)
    1.0
    >>> power_for(0.22, 0.7)
    1.0
    """
    if not 0 < fluid < cortex < 1:
        return 1.0
    by_cortex, by_fluid = _asked(cortex, USUAL_CORTEX), _asked(fluid, USUAL_FLUID)
    if by_cortex > 0:
        share = float(np.clip((NONE - by_cortex) / (NONE - FADES), 0, 1))
        return float(np.exp(max(min(_firm(by_cortex) * share, _firm(by_fluid), FADES), 0.0)))
    return float(np.exp(max(_firm(by_cortex), -FADES))) if by_fluid < 0 else 1.0


def tissue_levels(
    data: np.ndarray, network: HalfResolutionUNet, *, device: str = "cpu"
) -> tuple[float, float, float]:
    """Return the median grey values of ventricles, cortex and white matter in the middle; NaN for too little.

    Parameters
    ----------
    data : ndarray of float32, (I, J, K)
        1 mm; right, anterior, superior.
    network, device
        As in `with_usual_tone`.
    """
    block = _middle(data)
    posteriors, _ = predict(network, torch.from_numpy(block).to(device), fine=False)
    i, j, k = posteriors.shape[1:]
    eights = block.reshape(i, 2, j, 2, k, 2).transpose(0, 2, 4, 1, 3, 5).reshape(i, j, k, 8)
    levels = []
    for label, least, n_least in _LOOKED_AT:
        channel = next(k for k, ids in enumerate(CHANNELS) if ids[0] == label)
        here = (posteriors[channel] > least).cpu().numpy()
        levels.append(float(np.median(eights[here])) if here.sum() >= n_least else float("nan"))
    return levels[0], levels[1], levels[2]


def rule_version() -> str:
    """Return what decides the tone of an image, beside the network that looks at it."""
    return f"tone{RULE}"


def _asked(level: float, usual: float) -> float:
    """Return the logarithm of the power that makes a level usual."""
    return float(np.log(np.log(usual) / np.log(level)))


def _firm(asked: float) -> float:
    """Return nothing of what sound scans ask, all of twice as much, and a part of what lies between."""
    share = np.clip((abs(asked) - LEAST) / (FULL - LEAST), 0, 1)
    return float(np.sign(asked) * max(abs(asked), FULL) * share)


def _middle(data: np.ndarray) -> np.ndarray:
    """Return the block in the middle, its sides even."""
    parts = []
    for n, side in zip(data.shape, _BLOCK, strict=True):
        size = min(n - n % 2, side)
        parts.append(slice((n - size) // 2, (n - size) // 2 + size))
    return np.ascontiguousarray(data[tuple(parts)])
