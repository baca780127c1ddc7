"""How strongly structures vary together, beside real subjects of the same age, sex and head size.

The factor by which the generated correlations between structures scale the real ones; noise in the
reference's correlations is taken out. 1: the pattern is there; 0: structures vary independently. A
segmenter that leaks from one structure into its neighbour makes correlations of its own, and one factor can
hide a pattern that is right on average only.
"""

import numpy as np

from plausibrain.analysis.agreement import recovered
from plausibrain.analysis.joint_design import CohortArrays
from plausibrain.analysis.pair import Pair, Role
from plausibrain.analysis.registry import headline

BLOCK_PAIRS = 512


@headline(
    label="Correlations between structures recovered",
    unit="factor",
    question=3,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.recovery_margin, frame.settings.recovery_margin),
    sentence="Correlations between structures are {estimate} times those of the reference",
    needs=("several structures",),
    logarithmic=True,
    assumes=("shared ages", "joint"),
)
def covariation(pair: Pair) -> np.ndarray:
    """Return the factor that maps real to generated correlations between structures, (B,)."""
    reference, n = _correlations(pair, "reference")
    generated, _ = _correlations(pair, "generated")
    noise = _sampling_variance(pair.reference.arrays) / np.maximum(n - 1, 1)[:, None]
    return recovered(reference, generated, pair.noise_copies * noise)


def _sampling_variance(arrays: CohortArrays) -> np.ndarray:
    """Return n times the sampling variance of every correlation of a cohort, (pairs,).

    Notes
    -----
    The mean square of the influence of a subject on r, z_i z_j - r (z_i² + z_j²) / 2, which needs no normal
    distribution. For normal volumes it is (1 - r²)². Rows of one subject are added up first.
    """
    rows = arrays.pairwise_rows
    z = arrays.residuals[rows].astype(float)
    z = (z - z.mean(axis=0)) / np.maximum(z.std(axis=0), 1e-9)
    first, second = np.triu_indices(z.shape[1], k=1)
    r = (z.T @ z / len(z))[first, second]
    subject = np.unique(arrays.clusters.row_of[rows], return_inverse=True)[1]
    total = np.zeros(len(first))
    for start in range(0, len(first), BLOCK_PAIRS):
        at = slice(start, start + BLOCK_PAIRS)
        a, b = z[:, first[at]], z[:, second[at]]
        influence = a * b - r[at] * (a**2 + b**2) / 2
        if subject.max() + 1 < len(rows):
            by_subject = np.zeros((subject.max() + 1, influence.shape[1]))
            np.add.at(by_subject, subject, influence)
            influence = by_subject
        total[at] = (influence**2).sum(axis=0) / len(rows)
    return total


def _correlations(pair: Pair, role: Role) -> tuple[np.ndarray, np.ndarray]:
    side = pair.side(role)
    rows = side.arrays.pairwise_rows
    z = side.arrays.residuals[rows]
    w = side.weights[:, rows].astype(np.float32)
    upper = np.triu_indices(z.shape[1], k=1)
    n = w.sum(axis=1, dtype=float)
    mean, square = (w @ z) / n[:, None], (w @ z**2) / n[:, None]
    sd = np.sqrt(np.maximum(square - mean**2, 1e-12))
    products = (w @ (z[:, upper[0]] * z[:, upper[1]])) / n[:, None]
    covariance = products - mean[:, upper[0]] * mean[:, upper[1]]
    return covariance / (sd[:, upper[0]] * sd[:, upper[1]]), n
