"""The brain without its head: whether an image shows a head, and what is left when that is taken off.

Brains are found by deepbet (Fisch et al. 2024, MIT; two small U-Nets trained on T1w of healthy adults). Every
image takes the same way: one that shows tissue around the brain is stripped, one that came stripped is left
as it is, so that a cohort of heads and a cohort of stripped brains reach the segmenter alike. What deepbet
keeps is brain and the fluid around it; its border lies within about a millimetre of the inner table.

What can mislead: a stripping made elsewhere keeps more or less of the outer fluid than deepbet does, so total
intracranial volumes of a stripped and of an unstripped cohort differ by what the other program cut away.
"""

import warnings
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from plausibrain.cohorts.errors import ToolError
from plausibrain.cohorts.volumes import Volume, to_canonical

#: Raise when the rule below, or the rule for backgrounds, changes: results in a store are then made again.
RULE = 2
#: Of all that is brighter than a tenth of the image's range, the share outside the brain: .04 at most in 18
#: stripped scans of four sources (.07 in a macaque's brain), .43 at least in 12 heads of three sources.
LARGEST_OUTSIDE = 0.2
#: A brain and its fluid, mL; less or more is no brain that can be cut out.
MASK_RANGE_ML = (600.0, 2300.0)
_FOREGROUND = 0.1
# Numbers of deepbet's own program: sides of what its two networks see, margin of the box, threshold.
_SMALL, _LARGE = (128, 128, 128), (256, 256, 256)
_QUANTILES = (0.005, 0.995)
_MARGIN = 0.1
_MASK_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class StrippedImage:
    """An image that shows a brain and its fluid alone, and how that came about.

    Attributes
    ----------
    image : Volume
        The image itself where it came stripped, or could not be stripped; else in canonical orientation, 0
        outside the brain.
    facts : dict of str to float
        ``stripped`` (1 when it came so), ``stripped_here``, ``outside_share``, and ``mask_ml`` where a mask
        was made.
    reasons : tuple of str
        Why the brain could not be cut out; empty when all is well.
    """

    image: Volume
    facts: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def strip(image: Volume, *, device: str = "cpu") -> StrippedImage:
    """Return the image without its head, as it is where it came stripped.

    Parameters
    ----------
    image : Volume, (I, J, K)
        T1w, any orientation, voxel size and intensity scale; finite.
    device : str
        Where the networks run.
    """
    canonical = to_canonical(image)
    overview = make_overview(canonical, device=device)
    outside = overview.outside_share
    came_stripped = outside <= LARGEST_OUTSIDE
    facts = {"stripped": float(came_stripped), "stripped_here": 0.0, "outside_share": outside}
    if came_stripped:
        return StrippedImage(image, facts)
    mask = brain_mask(canonical, overview, device=device)
    volume_ml = float(mask.sum()) * canonical.voxel_volume_mm3 / 1000
    low, high = MASK_RANGE_ML
    if not low <= volume_ml <= high:
        reason = (
            f"the image shows a head, and the brain could not be cut out of it: what was found measures "
            f"{volume_ml:.0f} mL, expected {low:.0f} to {high:.0f} mL"
        )
        return StrippedImage(image, {**facts, "mask_ml": volume_ml}, (reason,))
    brain = Volume(np.where(mask, canonical.data, 0), canonical.affine)
    return StrippedImage(brain, {**facts, "stripped_here": 1.0, "mask_ml": volume_ml})


@dataclass(frozen=True, eq=False)
class Overview:
    """What deepbet's first network sees in an image of 128 x 128 x 128 voxels.

    Attributes
    ----------
    brain : Tensor of bool, (128, 128, 128)
    low, high : Tensor
        Grey values that the networks take for 0 and 1.
    outside_share : float
        Share of the foreground that lies outside the brain; 1 where no brain is found.
    """

    brain: Tensor
    low: Tensor
    high: Tensor
    outside_share: float


@torch.no_grad()
def make_overview(canonical: Volume, *, device: str = "cpu") -> Overview:
    """Return where about the brain is.

    Parameters
    ----------
    canonical : Volume
        Axes right, anterior, superior.
    device : str
    """
    from deepbet.utils import normalize

    data = torch.from_numpy(canonical.data).to(device)
    small = functional.interpolate(data[None, None], _SMALL, mode="nearest-exact")[0, 0]
    low, high = small.flatten().quantile(torch.tensor(_QUANTILES, device=device))
    if not high > low:
        return Overview(torch.zeros_like(small, dtype=torch.bool), low, high, 1.0)
    brain = _extractor(device).bbox_model(normalize(small, low, high)[None, None])[0, 1] > 0.5
    foreground = small > low + _FOREGROUND * (high - low)
    return Overview(brain, low, high, float((foreground & ~brain).sum() / foreground.sum()))


@torch.no_grad()
def brain_mask(canonical: Volume, overview: Overview, *, device: str = "cpu") -> np.ndarray:
    """Return where deepbet sees brain and fluid, in one piece and without holes; empty where it sees none.

    Parameters
    ----------
    canonical : Volume, (I, J, K)
        Axes right, anterior, superior.
    overview : Overview
        Of this image.
    device : str

    Returns
    -------
    ndarray of bool, (I, J, K)

    Notes
    -----
    The steps of ``BrainExtraction.run_model`` and ``postprocess`` with what the overview knows already.
    """
    from deepbet.utils import keep_largest_connected_component, normalize

    mask = np.zeros(canonical.shape, bool)
    if not overview.brain.any():
        return mask
    extractor = _extractor(device)
    try:
        about = torch.from_numpy(keep_largest_connected_component(overview.brain.float().cpu().numpy()))
        box = extractor.get_bbox_with_margin(about, mask.shape, _MARGIN)
        data = torch.from_numpy(canonical.data[box]).to(device)[None, None]
        data = functional.interpolate(data, _LARGE, mode="nearest-exact")[0, 0]
        share = extractor.model(normalize(data, overview.low, overview.high)[None, None])[:, 1:2]
        share = functional.interpolate(share, mask[box].shape, mode="nearest-exact")[0, 0]
        extractor.bbox = box
        mask[box] = share.cpu().numpy() > _MASK_SHARE
        return np.asarray(extractor.postprocess(mask), bool)
    except (AssertionError, ValueError, IndexError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "box" not in str(error) and "size" not in str(error):
            raise
        return np.zeros(canonical.shape, bool)


def rule_version() -> str:
    """Return what decides a stripping: the rule here and the release of deepbet."""
    try:
        return f"strip{RULE}-deepbet{package_version('deepbet')}"
    except PackageNotFoundError:
        raise ToolError(_ABSENT) from None


_ABSENT = "expected the package deepbet, which cuts brains out of heads; install it with: pip install deepbet"


@cache
def _extractor(device: str) -> Any:  # noqa: ANN401, RUF100
    """Return deepbet's networks on a device."""
    try:
        from deepbet.bet import BrainExtraction
    except ImportError as error:
        raise ToolError(f"{_ABSENT} ({error})") from error
    with warnings.catch_warnings():
        # torch 2.13 announces that it will drop TorchScript, the form in which deepbet ships its networks.
        warnings.simplefilter("ignore", DeprecationWarning)
        extractor = BrainExtraction(no_gpu=True)
    for name in ("model", "bbox_model"):
        setattr(extractor, name, getattr(extractor, name).to(device))
    return extractor
