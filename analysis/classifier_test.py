"""Classifier two-sample test on volumes, with held-out scores only."""

import numpy as np
from scipy.linalg import solve

from plausibrain.analysis.pair import ROLES, Pair

N_FOLDS = 5
PENALTY = 10.0


def held_out_auc(pair: Pair) -> np.ndarray:
    """Return the area under the curve of held-out classifier scores, (B,).

    A bootstrap resamples the scores of the estimate; it does not train anew.
    """
    if pair.kind == "bootstrap" and pair.full is not None:
        scores, rows = _scored(pair.full)
        sides = [pair.side(role).weights[:, members] for role, members in zip(ROLES, rows, strict=True)]
        return weighted_auc(scores[0], scores[1], sides[0], sides[1])
    if pair.kind == "full":
        scores, rows = _scored(pair)
        return weighted_auc(scores[0], scores[1], np.ones((1, len(rows[0]))), np.ones((1, len(rows[1]))))
    return np.array([_split_auc(pair, replicate) for replicate in range(pair.n_replicates)])


def _scored(pair: Pair) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rows = [pair.side(role).arrays.pairwise_rows for role in ROLES]
    if ("scores", 0) not in pair.cache:
        for i, scores in enumerate(_fit_and_score(pair, rows)):
            pair.cache["scores", i] = scores
    return [pair.cache["scores", 0], pair.cache["scores", 1]], rows


def _split_auc(pair: Pair, replicate: int) -> float:
    rows = []
    for role in ROLES:
        side = pair.side(role)
        members = side.arrays.pairwise_rows
        rows.append(members[side.weights[replicate, members] > 0])
    reference, generated = _fit_and_score(pair, rows)
    return float(
        weighted_auc(reference, generated, np.ones((1, len(rows[0]))), np.ones((1, len(rows[1]))))[0]
    )


def _fit_and_score(pair: Pair, rows: list[np.ndarray]) -> list[np.ndarray]:
    parts, folds = [], []
    for role, members in zip(ROLES, rows, strict=True):
        arrays = pair.side(role).arrays
        z = arrays.features[members]
        parts.append(np.hstack([z, z**2]))
        rng = arrays.clusters.rng(pair.frame.settings.seed, f"folds {role}")
        fold_of_subject = rng.permutation(len(arrays.clusters)) % N_FOLDS
        folds.append(fold_of_subject[arrays.clusters.row_of[members]])
    label = np.r_[-np.ones(len(rows[0])), np.ones(len(rows[1]))]
    scores = cross_validated_scores(np.vstack(parts), label, np.concatenate(folds))
    return [scores[: len(rows[0])], scores[len(rows[0]) :]]


def cross_validated_scores(x: np.ndarray, label: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Return held-out scores of a ridge classifier, both classes weighted alike.

    Parameters
    ----------
    x : ndarray, (n, f)
    label : ndarray, (n,)
        -1 or 1.
    fold : ndarray of int, (n,)
        Every fold is scored by a model that has not seen it.

    Returns
    -------
    ndarray, (n,)

    Notes
    -----
    The normal equations of all subjects less those of one fold give each model at the cost of one small
    solve; `tests/golden` compares with scikit-learn's RidgeClassifier.
    """
    deviations = x - x.mean(axis=0)
    scale = deviations.std(axis=0)
    z = np.column_stack([deviations / np.where(scale > 0, scale, 1.0), np.ones(len(x))])
    weight = np.where(label > 0, 0.5 / (label > 0).mean(), 0.5 / (label < 0).mean())
    weighted_z = z * weight[:, None]
    gram, moment = weighted_z.T @ z, weighted_z.T @ label
    penalty = np.diag(np.r_[np.full(x.shape[1], PENALTY), 0.0])  # the intercept is not penalised
    scores = np.zeros(len(x))
    for k in np.unique(fold):
        out = fold == k
        g = gram - weighted_z[out].T @ z[out] + penalty
        scores[out] = z[out] @ solve(g, moment - weighted_z[out].T @ label[out], assume_a="pos")
    return scores


def weighted_auc(
    reference: np.ndarray, generated: np.ndarray, w_reference: np.ndarray, w_generated: np.ndarray
) -> np.ndarray:
    """Return P(generated score > reference score) + P(equal) / 2 under weights.

    Parameters
    ----------
    reference, generated : ndarray, (n,) and (m,)
    w_reference, w_generated : ndarray, (B, n) and (B, m)

    Returns
    -------
    ndarray, (B,)

    Examples
    --------
    >>> weighted_auc(np.array([0.0, 1.0]), np.array([1.0, 2.0]), np.ones((1, 2)), np.ones((1, 2))).tolist()
    [0.875]
    """
    values, group = np.unique(np.concatenate([reference, generated]), return_inverse=True)
    below = _summed(w_reference, group[: len(reference)], len(values))
    above = _summed(w_generated, group[len(reference) :], len(values))
    before = np.cumsum(below, axis=1) - below
    wins = (above * (before + below / 2)).sum(axis=1)
    return wins / (below.sum(axis=1) * above.sum(axis=1))


def _summed(weights: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """Sum weights over columns of the same group, (B, n) -> (B, n_groups)."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(n_groups))
    columns = np.concatenate([weights[:, order].astype(float), np.zeros((len(weights), 1))], axis=1)
    sums = np.add.reduceat(columns, starts, axis=1)
    empty = np.diff(np.r_[starts, len(group)]) == 0
    sums[:, empty] = 0.0
    return sums
