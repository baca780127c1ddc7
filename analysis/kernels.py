"""Kernel means: the maximum mean discrepancy of two weighted clouds, unbiased."""

from collections.abc import Callable

import numpy as np

from plausibrain.analysis.feature_samples import (
    Space,
    inner_products,
    mean_over_pairs,
    points,
    same_subject,
    squared_distances,
)
from plausibrain.analysis.joint_design import CohortArrays
from plausibrain.analysis.pair import Pair

Kernel = Callable[[CohortArrays, CohortArrays], np.ndarray]


def discrepancy(pair: Pair, name: str, kernel: Kernel) -> np.ndarray:
    """Return the squared maximum mean discrepancy, (B,).

    Notes
    -----
    Mean kernel within the reference plus that within the generated cohort minus twice that between them; a
    subject is not compared with itself, so the mean over samples is 0 for equal populations and a value may
    be negative (Gretton et al. 2012, eq. 3).
    """
    one, other = pair.reference.arrays, pair.generated.arrays
    within = mean_over_pairs(pair, kernel(one, one), "reference", "reference", name)
    within = within + mean_over_pairs(pair, kernel(other, other), "generated", "generated", name)
    return within - 2 * mean_over_pairs(pair, kernel(one, other), "reference", "generated", name)


def cubic(pair: Pair, name: str, space: Space) -> Kernel:
    """Return the kernel (x.y / d + 1)³ of vectors of length d."""

    def kernel(first: CohortArrays, second: CohortArrays) -> np.ndarray:
        products = inner_products(pair.frame, first, second, name, space)
        return (products / points(first, name, space).shape[1] + 1) ** 3

    return kernel


def gaussian(pair: Pair, name: str, space: Space) -> Kernel:
    """Return the kernel exp(-|x - y|² / (2 s²)), s the median distance of subjects of the reference."""
    reference = pair.frame.reference
    own = squared_distances(pair.frame, reference, reference, name, space)
    apart = own[~same_subject(reference)]
    width = float(np.median(apart)) if apart.size else 1.0

    def kernel(first: CohortArrays, second: CohortArrays) -> np.ndarray:
        squares = squared_distances(pair.frame, first, second, name, space)
        weights: np.ndarray = np.exp(-squares / (2 * max(width, 1e-12)))
        return weights

    return kernel
