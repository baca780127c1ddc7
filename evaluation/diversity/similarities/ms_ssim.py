"""Multi-scale structural similarity of two volumes.

1 for equal images, near 0 for unrelated ones. Among pairs of one cohort it measures diversity: the number
of a generator belongs beside that of real pairs, and nearer to real is better, not nearer to 0. What moves
it beside anatomy: how well the images are aligned, noise (lowers it), blur and empty background (raise it),
the number of scales, and the intensity scale, since the constants are absolute. Numbers from other grids or
windows are not comparable.
"""

import math

import torch

from plausibrain.evaluation.diversity.pyramids import (
    WEIGHTS,
    WINDOW_SIGMA,
    WINDOW_SIZE,
    Level,
    Pyramid,
    build_pyramid,
)
from plausibrain.evaluation.diversity.registry import similarity
from plausibrain.evaluation.diversity.slabs import over_slabs
from plausibrain.evaluation.diversity.windows import local_mean

#: For intensities between 0 and 1: (0.01)² and (0.03)² as published (Wang et al. 2004, section III.B).
C1, C2 = 1e-4, 9e-4


@similarity(
    label="MS-SSIM", prepare=build_pyramid, bounds=(0.0, 1.0), source=("Wang2003", "Wang2004"),
    methods="Diversity is measured among pairs within each cohort, taken from a random ring so that every "
    "image takes part equally often, by MS-SSIM [@Wang2003]; intervals resample images, not pairs.",
    settings=f"window {WINDOW_SIZE}, sigma {WINDOW_SIGMA}, K 0.01 0.03, exponents {WEIGHTS}, range 1",
)  # fmt: skip
def ms_ssim(first: Pyramid, second: Pyramid) -> float:
    """Return the multi-scale structural similarity of two images.

    Parameters
    ----------
    first, second : Pyramid
        Of images on one grid, intensities about 0 to 1.

    Notes
    -----
    The product over scales of the mean of contrast times structure, (2 s_xy + C2) / (s_xx +
    s_yy + C2), to the exponent of the scale; at the coarsest scale times luminance, (2 m_x m_y + C1) /
    (m_x² + m_y² + C1). A negative mean counts as 0, as in MONAI. Sides are halved by averaging 2 x 2 x 2
    voxels.

    References
    ----------
    Wang, Simoncelli & Bovik 2003, eq. 7 (key Wang2003).
    """
    product = 1.0
    last = len(first.levels) - 1
    for scale, (x, y) in enumerate(zip(first.levels, second.levels, strict=True)):
        mean = _mean_similarity(x, y, first.window, luminance=scale == last)
        product *= math.pow(max(mean, 0.0), first.weights[scale])
    return product


def _mean_similarity(x: Level, y: Level, window: tuple[float, ...], *, luminance: bool) -> float:
    """Return the mean over voxels of contrast times structure, at one scale, and times luminance if asked."""
    reach = len(window) - 1

    def work(start: int, stop: int) -> float:
        inner, outer = slice(start, stop), slice(start, stop + reach)
        mean = x.mean[inner], y.mean[inner]
        alike = local_mean(x.image[outer] * y.image[outer], window).addcmul_(*mean, value=-1).mul_(2).add_(C2)
        alike.div_((x.variance[inner] + y.variance[inner]).add_(C2))
        if luminance:
            alike.mul_((2 * mean[0] * mean[1] + C1) / (mean[0] ** 2 + mean[1] ** 2 + C1))
        return float(alike.sum(dtype=torch.float64))

    return sum(over_slabs(len(x.mean), work)) / x.mean.numel()
