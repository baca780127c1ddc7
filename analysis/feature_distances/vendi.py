"""Vendi score: how many different images a cohort is worth, generated over real at the same n.

The exponential of the entropy of the eigenvalues of a similarity matrix: n for images that have nothing in
common, 1 for n copies. Similarity falls with the distance of features adjusted for age and sex, on the
scale of the reference. Noise makes images different too: a ratio above 1 is no merit.
"""

import numpy as np

from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.feature_samples import equal_members
from plausibrain.analysis.joint_design import CohortArrays
from plausibrain.analysis.kernels import gaussian
from plausibrain.analysis.pair import ROLES, Pair

MOST = 300


@feature_distance(
    label="Vendi score, generated over real", unit="ratio", better="closer", ideal=1.0,
    source=("Friedman2023",), bounds=(0.0, np.inf),
)  # fmt: skip
def vendi(pair: Pair, name: str) -> np.ndarray:
    """Return the ratio of Vendi scores of equally many images, at most 300 of each, (B,).

    References
    ----------
    Friedman & Dieng 2023, definition 3.1 (key Friedman2023).
    """
    kernel = gaussian(pair, name, "adjusted")
    own: dict[int, np.ndarray] = {}
    values = []
    for b in range(pair.n_replicates):
        rows = equal_members(pair, b, name, MOST)
        scores = []
        for role, members in zip(ROLES, rows, strict=True):
            arrays: CohortArrays = pair.side(role).arrays
            if id(arrays) not in own:
                own[id(arrays)] = kernel(arrays, arrays)
            scores.append(vendi_score(own[id(arrays)][np.ix_(members, members)]))
        values.append(scores[1] / scores[0])
    return np.array(values)


def vendi_score(similarity: np.ndarray) -> float:
    """Return the exponential of the entropy of the eigenvalues of a similarity matrix over n.

    Parameters
    ----------
    similarity : ndarray, (n, n)
        Positive semidefinite, ones on the diagonal.

    Examples
    --------
    >>> [round(vendi_score(similarity), 6) for similarity in (np.ones((4, 4)), np.eye(4))]
    [1.0, 4.0]
    """
    if not len(similarity):
        return float("nan")
    shares = np.maximum(np.linalg.eigvalsh(similarity.astype(float) / len(similarity)), 0.0)
    shares = shares[shares > 1e-12]
    return float(np.exp(-(shares * np.log(shares)).sum()))
