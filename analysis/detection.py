"""Classifier two-sample test on volumes, with held-out scores only."""

import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from analysis.pair import Pair, Role
from analysis.weights import people_rng

N_FOLDS = 5
PENALTY = 10.0


def held_out_auc(pair: Pair) -> np.ndarray:
    """Return the area under the curve of held-out classifier scores, (B,).

    A bootstrap resamples the scores of the estimate; it does not train anew.
    """
    if pair.kind == "bootstrap" and pair.full is not None:
        scores, rows = _scored(pair.full)
        sides = [pair.side(role).weights[:, r] for role, r in zip(("reference", "generated"), rows, strict=True)]  # type: ignore[arg-type]
        return weighted_auc(scores[0], scores[1], sides[0], sides[1])
    if pair.kind == "full":
        scores, rows = _scored(pair)
        return weighted_auc(scores[0], scores[1], np.ones((1, len(rows[0]))), np.ones((1, len(rows[1]))))
    return np.array([_split_auc(pair, replicate) for replicate in range(pair.n_replicates)])


def _scored(pair: Pair) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rows = [pair.side(role).prepared.pairwise_rows for role in ("reference", "generated")]  # type: ignore[arg-type]
    if ("scores", 0) not in pair.cache:
        for i, scores in enumerate(_fit_and_score(pair, rows)):
            pair.cache["scores", i] = scores
    return [pair.cache["scores", 0], pair.cache["scores", 1]], rows


def _split_auc(pair: Pair, replicate: int) -> float:
    rows = []
    for role in ("reference", "generated"):
        side = pair.side(role)  # type: ignore[arg-type]
        mine = side.prepared.pairwise_rows
        rows.append(mine[side.weights[replicate, mine] > 0])
    scores = _fit_and_score(pair, rows)
    return float(weighted_auc(*scores, np.ones((1, len(rows[0]))), np.ones((1, len(rows[1]))))[0])


def _fit_and_score(pair: Pair, rows: list[np.ndarray]) -> list[np.ndarray]:
    parts, folds = [], []
    roles: tuple[Role, Role] = ("reference", "generated")
    for role, mine in zip(roles, rows, strict=True):
        prepared = pair.side(role).prepared
        z = prepared.features[mine]
        parts.append(np.hstack([z, z**2]))
        rng = people_rng(prepared.clusters.ids, pair.frame.settings.seed, f"folds {role}")
        fold_of_person = rng.permutation(len(prepared.clusters)) % N_FOLDS
        folds.append(fold_of_person[prepared.clusters.row_of[mine]])
    x, fold = np.vstack(parts), np.concatenate(folds)
    label = np.r_[np.zeros(len(rows[0]), dtype=int), np.ones(len(rows[1]), dtype=int)]
    scores = np.zeros(len(x))
    for k in range(N_FOLDS):
        test = fold == k
        if test.any() and len(np.unique(label[~test])) == 2:
            model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=PENALTY, class_weight="balanced"))
            scores[test] = model.fit(x[~test], label[~test]).decision_function(x[test])
    return [scores[: len(rows[0])], scores[len(rows[0]) :]]


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
    padded = np.concatenate([weights[:, order].astype(float), np.zeros((len(weights), 1))], axis=1)
    sums = np.add.reduceat(padded, starts, axis=1)
    empty = np.diff(np.r_[starts, len(group)]) == 0
    sums[:, empty] = 0.0
    return sums
