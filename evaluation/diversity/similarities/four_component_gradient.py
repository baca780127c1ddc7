"""Four-component gradient structural similarity with Rouse & Hemami's structure term, 4-G-R-SSIM.

1 for equal images, near 0 for images whose edges have nothing to do with each other. Edges decide: contrast
and structure are those of gradient magnitudes, and brightness enters through the local mean alone. What moves
it: alignment above all, then noise, and blur, which takes edges away. An empty background counts as alike (no
edges in either), so it rises with the field of view; the smooth component is where. Numbers from other grids,
windows or fields of view are not comparable.

No paper gives the number's formula in three dimensions. The brain LDM paper names it and cites three: G-SSIM
(luminance of the image; contrast and structure of its gradient magnitudes), four kinds of voxels, and a
structure term that is 0 where one image alone is flat. Put together they are what the code of two of its
authors does by default (docs/method.md says which parts were found where, and what is ours).
"""

import torch
from torch import Tensor

from plausibrain.evaluation.diversity.gradients import (
    WINDOW_SIGMA,
    WINDOW_SIZE,
    GradientField,
    gradient_field,
)
from plausibrain.evaluation.diversity.registry import similarity
from plausibrain.evaluation.diversity.slabs import over_slabs
from plausibrain.evaluation.diversity.windows import gaussian_window, local_mean

#: Shares of the largest gradient of the first image above which a voxel is an edge, and below which it is
#: smooth (Li & Bovik 2010, section 3.1).
EDGE, SMOOTH = 0.12, 0.06
#: For intensities between 0 and 1: (0.01)² and (0.03)² as published (Wang et al. 2004, section III.B).
C1, C2 = 1e-4, 9e-4


@similarity(
    label="4-G-R-SSIM", prepare=gradient_field, bounds=(-1.0, 1.0),
    source=("Pinaya2022", "Chen2006", "Li2010", "Rouse2008", "Tudosiu2024"),
    methods="Diversity is also measured by the four-component gradient similarity 4-G-R-SSIM "
    "[@Chen2006; @Li2010; @Rouse2008] of the brain LDM paper [@Pinaya2022].",
    settings=f"Sobel (sum of components), window {WINDOW_SIZE}, sigma {WINDOW_SIGMA}, K 0.01 0.03, "
    f"range 1, edges {EDGE}, smooth {SMOOTH}, weights 1/4",
)  # fmt: skip
def four_component_gradient(first: GradientField, second: GradientField) -> float:
    """Return the four-component gradient structural similarity of two images.

    Parameters
    ----------
    first, second : GradientField
        Of images on one grid, intensities about 0 to 1. The first sets the thresholds, as the undistorted
        image does in the papers.

    Notes
    -----
    With local means m of the images x and y, and gradient magnitudes g and h of them, every voxel has
    (2 m_x m_y + C1) / (m_x² + m_y² + C1) times (2 s_gh + C2) / (s_gg + s_hh + C2) under the window; 0 where
    one of the two has no gradient at all under the window and the other has. Voxels are preserved edges (g
    and h above 0.12 max g), changed edges (one of them), smooth (h no edge, g below 0.06 max g) or texture
    (the rest). The result is the mean of the four means; a kind without a voxel is left out.

    References
    ----------
    Chen et al. 2006, section 3.1 (key Chen2006); Li & Bovik 2010, section 3 (key Li2010); Rouse & Hemami
    2008, eq. 8 (key Rouse2008); their combination: code of Tudosiu et al. 2024 (key Tudosiu2024).
    """
    sums = torch.tensor(over_slabs(len(first.mean), lambda start, stop: _sums(first, second, start, stop)))
    total, n = sums.sum(dim=0).T
    return float((total[n > 0] / n[n > 0]).mean())


def _sums(first: GradientField, second: GradientField, start: int, stop: int) -> list[tuple[float, float]]:
    """Return sum of the similarity and number of voxels of every kind, in some planes."""
    alike = _similarity(first, second, start, stop).flatten()
    sums = []
    for kind in _kinds(first, second, start, stop):
        mask = kind.flatten().to(alike.dtype)
        sums.append((float(alike @ mask), float(torch.count_nonzero(mask))))
    return sums


def _similarity(first: GradientField, second: GradientField, start: int, stop: int) -> Tensor:
    window = gaussian_window(WINDOW_SIZE, WINDOW_SIGMA)
    inner, outer = slice(start, stop), slice(start, stop + WINDOW_SIZE - 1)
    means = first.mean[inner], second.mean[inner]
    alike = local_mean(first.magnitude[outer] * second.magnitude[outer], window)
    alike.addcmul_(*means, value=-1).mul_(2).add_(C2)
    alike.div_((first.variance[inner] + second.variance[inner]).add_(C2))
    bright = first.brightness[inner], second.brightness[inner]
    alike.mul_((2 * bright[0] * bright[1]).add_(C1)).div_((bright[0] ** 2 + bright[1] ** 2).add_(C1))
    one_is_flat = (means[0] == 0) ^ (means[1] == 0)
    return alike.masked_fill_(one_is_flat, 0.0)


def _kinds(first: GradientField, second: GradientField, start: int, stop: int) -> tuple[Tensor, ...]:
    """Return masks of preserved edges, changed edges, smooth voxels and texture, in some planes."""
    g, h = first.inside[start:stop], second.inside[start:stop]
    edge, other_edge = g > EDGE * first.largest, h > EDGE * first.largest
    edges_in_both, edges_in_one = edge & other_edge, edge ^ other_edge
    smooth = (g < SMOOTH * first.largest) & ~other_edge
    return edges_in_both, edges_in_one, smooth, ~(edges_in_both | edges_in_one | smooth)
