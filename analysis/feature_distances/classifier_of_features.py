"""How well a classifier tells generated from real images by their features.

The area under the curve of held-out scores of a ridge classifier on features adjusted for age and sex, and
their squares: 0.5 means it cannot. It sees what no other number here may: a faint but constant mark that a
generator leaves on every image. It learns more from more subjects.
"""

import numpy as np

from plausibrain.analysis.classifier_test import N_FOLDS, cross_validated_scores, weighted_auc
from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.feature_samples import members, points
from plausibrain.analysis.pair import ROLES, Pair


@feature_distance(
    label="Classifier, real or generated", unit="AUC", better="lower", ideal=0.5, source=("LopezPaz2017",),
    bounds=(0.0, 1.0), max_splits=20, longest=512,
)  # fmt: skip
def classifier_of_features(pair: Pair, name: str) -> np.ndarray:
    """Return the area under the curve of the classifier two-sample test, (B,).

    References
    ----------
    Lopez-Paz & Oquab 2017 (key LopezPaz2017).
    """
    return np.array([_auc(pair, name, b) for b in range(pair.n_replicates)])


def _auc(pair: Pair, name: str, replicate: int) -> float:
    rows = [members(pair, replicate, role, name) for role in ROLES]
    vectors, folds = [], []
    for role, positions in zip(ROLES, rows, strict=True):
        arrays = pair.side(role).arrays
        z = points(arrays, name, "adjusted")[positions].astype(float)
        vectors.append(np.hstack([z, z**2]))
        rng = arrays.clusters.rng(pair.frame.settings.seed, f"folds {role}")
        fold_of_subject = rng.permutation(len(arrays.clusters)) % N_FOLDS
        folds.append(fold_of_subject[arrays.clusters.row_of[arrays.pairwise_rows[positions]]])
    label = np.r_[-np.ones(len(rows[0])), np.ones(len(rows[1]))]
    scores = cross_validated_scores(np.vstack(vectors), label, np.concatenate(folds))
    real, generated = scores[: len(rows[0])], scores[len(rows[0]) :]
    return float(weighted_auc(real, generated, np.ones((1, len(real))), np.ones((1, len(generated))))[0])
