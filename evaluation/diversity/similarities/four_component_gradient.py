"""Four-component gradient structural similarity, 4-G-r* (the brain LDM paper's 4-G-R-SSIM).

1 for equal images, 0 for images whose edges have nothing to do with each other. It looks at edges alone:
mean intensity and contrast do not enter, so images of different contrast may be alike. What moves it:
alignment above all, then noise, which is all edges. An empty background counts as alike (no edges in
either), so it rises with the field of view; the smooth component is where.

The formula is that of Renieblas et al. 2017, who name it 4-G-r*: the structure term of Rouse & Hemami,
without stabilising constants, on gradient magnitudes (Chen et al.), averaged over four kinds of voxels (Li
& Bovik). The LDM paper cites the number without a formula; three dimensions, and the Sobel operator in
three dimensions, are ours.
"""

import torch
from torch import Tensor

from evaluation.diversity.gradients import WINDOW_SIGMA, WINDOW_SIZE, GradientField, gradient_field
from evaluation.diversity.registry import similarity
from evaluation.diversity.slabs import over_slabs
from evaluation.diversity.windows import gaussian_window, local_mean

#: Shares of the largest gradient of the first image above which a voxel is an edge, and below which it is
#: smooth (Li & Bovik 2010, section 3.1).
EDGE, SMOOTH = 0.12, 0.06


@similarity(
    label="4-G-R-SSIM", prepare=gradient_field, bounds=(-1.0, 1.0),
    source=("Renieblas2017", "Rouse2008", "Li2010"),
    settings=f"Sobel, window {WINDOW_SIZE}, sigma {WINDOW_SIGMA}, edges {EDGE}, smooth {SMOOTH}, weights 1/4",
)  # fmt: skip
def four_component_gradient(first: GradientField, second: GradientField) -> float:
    """Return the four-component gradient structural similarity of two images.

    Parameters
    ----------
    first, second : GradientField
        Of images on one grid. The first sets the thresholds, as the undistorted image does in the papers.

    Notes
    -----
    With gradient magnitudes g of the first and h of the second image, r* = s_gh / (s_g s_h)
    under the window; 1 where both are constant, 0 where one is. Voxels are preserved edges (g and h above
    0.12 max g), changed edges (one of them), smooth (h no edge, g below 0.06 max g) or texture (the rest).
    The result is the mean of the four means of r*; a kind without a voxel is left out.

    References
    ----------
    Renieblas et al. 2017, section 2 (key Renieblas2017); Rouse & Hemami 2008, eq. 8 (key Rouse2008);
    Li & Bovik 2010, section 3 (key Li2010).
    """
    sums = torch.tensor(over_slabs(len(first.mean), lambda start, stop: _sums(first, second, start, stop)))
    total, n = sums.sum(dim=0).T
    return float((total[n > 0] / n[n > 0]).mean())


def _sums(first: GradientField, second: GradientField, start: int, stop: int) -> list[tuple[float, float]]:
    """Return sum of r* and number of voxels of every kind, in some planes."""
    alike = _structure(first, second, start, stop).flatten()
    found = []
    for kind in _kinds(first, second, start, stop):
        mask = kind.flatten().to(alike.dtype)
        found.append((float(alike @ mask), float(torch.count_nonzero(mask))))
    return found


def _structure(first: GradientField, second: GradientField, start: int, stop: int) -> Tensor:
    window = gaussian_window(WINDOW_SIZE, WINDOW_SIGMA)
    inner, outer = slice(start, stop), slice(start, stop + WINDOW_SIZE - 1)
    covariance = local_mean(first.magnitude[outer] * second.magnitude[outer], window)
    covariance.addcmul_(first.mean[inner], second.mean[inner], value=-1)
    spreads = first.spread[inner], second.spread[inner]
    scale = spreads[0] * spreads[1]
    correlation = covariance.div_(scale).clamp_(-1, 1)
    both_flat = (spreads[0] + spreads[1]) == 0
    return torch.where(scale > 0, correlation, both_flat.to(correlation.dtype))


def _kinds(first: GradientField, second: GradientField, start: int, stop: int) -> tuple[Tensor, ...]:
    """Return masks of preserved edges, changed edges, smooth voxels and texture, in some planes."""
    g, h = first.inside[start:stop], second.inside[start:stop]
    edge, other_edge = g > EDGE * first.largest, h > EDGE * first.largest
    preserved, changed = edge & other_edge, edge ^ other_edge
    smooth = (g < SMOOTH * first.largest) & ~other_edge
    return preserved, changed, smooth, ~(preserved | changed | smooth)
