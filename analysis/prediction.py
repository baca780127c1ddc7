"""Age and sex predicted from volumes, by models that are trained on the reference and cross-fitted.

Every fold of the reference is predicted by the model that has not seen it, and every other row by all of
these models. Reference and generated subjects are thus predicted by the same models, none of which has seen
the subject.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge, ridge_regression
from sklearn.model_selection import GroupKFold
from sklearn.svm import SVR

from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import ALL, Pair, Rows, Weighted

Target = Literal["age", "sex"]
Predictor = Callable[[np.ndarray], np.ndarray]
N_FOLDS, N_INNER_FOLDS = 5, 3
#: A model is trained on at most this many rows: kernels cost the cube of it, and errors fall slowly beyond.
MOST_TRAINING = 500
#: In cohorts with more rows all candidates are linear: 500 splits of 100,000 rows take a kernel hours.
MOST_KERNEL_ROWS = 20_000
RIDGE_PENALTIES = (1.0, 10.0, 30.0, 100.0, 300.0)
SVR_COSTS = (10.0, 100.0)
TUBE_YEARS = 1.0


def candidates(target: Target, *, kernels: bool = True) -> dict[str, BaseEstimator]:
    """Return the models that inner folds choose from, by name.

    Ridge regression, for sex on balanced classes coded -1 and 1; for age also support vectors with a Gaussian
    kernel, unless `kernels` is False. All expect volumes in standard deviations of the reference.
    """
    models = {f"ridge {penalty:g}": Ridge(alpha=penalty) for penalty in RIDGE_PENALTIES}
    if target == "sex" or not kernels:
        return models
    vectors = {f"support vectors {cost:g}": SVR(C=cost, epsilon=TUBE_YEARS) for cost in SVR_COSTS}
    return models | vectors


def target_values(target: Target, arrays: CohortArrays) -> np.ndarray:
    """Return age in years, or sex as 0 (women) and 1 (men), (n,)."""
    return arrays.sample.age if target == "age" else arrays.sample.male


@dataclass(frozen=True)
class Predictions:
    """Predicted ages (years), or scores of sex (positive for men), of every row of both cohorts.

    Attributes
    ----------
    fold : ndarray of int, (n,)
        Which of the models has not seen each row of the reference.
    held_out : ndarray, (n,)
        Of the subjects trained on, each by the model that has not seen it; NaN for other reference rows.
    reference, generated : ndarray, (k, n) and (k, m)
        By each of the k models.
    """

    fold: np.ndarray
    held_out: np.ndarray
    reference: np.ndarray
    generated: np.ndarray


def folds_of(frame: Frame, members: np.ndarray) -> np.ndarray:
    """Return the fold of every reference row, those that are trained on dealt evenly; see `fold_numbers`."""
    return fold_numbers(frame.reference, N_FOLDS, frame.settings.seed, members)


def fold_numbers(
    arrays: CohortArrays, n_folds: int, seed: int, members: np.ndarray | None = None
) -> np.ndarray:
    """Deal the subjects of a cohort into folds that are alike in age, (n,).

    Subjects are sorted by age, and each run of `n_folds` of them is dealt in random order. Without
    that, the few old subjects of a cohort would be predicted by models that have seen fewer of them than the
    models that predict old subjects of another cohort. Sites are not held apart: a perfect generator draws
    from the sites of the reference, so that held-out reference subjects must come from sites that were seen.

    Parameters
    ----------
    arrays : CohortArrays
    n_folds : int
    seed : int
    members : ndarray of bool, (n,), optional
        Rows whose subjects are dealt among themselves; the others are dealt after them.
    """
    clusters = arrays.clusters
    rng = clusters.rng(seed, "prediction folds")
    age = np.zeros(len(clusters))
    age[clusters.row_of] = arrays.sample.age
    outside = np.ones(len(clusters), dtype=bool)
    outside[clusters.row_of[slice(None) if members is None else members]] = False
    order = np.lexsort((rng.permutation(len(clusters)), age, outside))
    dealt = np.argsort(rng.random((-(-len(clusters) // n_folds), n_folds)), axis=1).reshape(-1)
    fold = np.empty(len(clusters), dtype=int)
    fold[order] = dealt[: len(clusters)]
    return fold[clusters.row_of]


@dataclass(frozen=True)
class Linear:
    """A linear predictor; those of all folds need one pass over a large cohort."""

    coefficients: np.ndarray
    intercept: float

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return predictions of rows (n, f), (n,)."""
        return np.asarray(values @ self.coefficients + self.intercept)


def _predicted(models: list[Predictor], values: np.ndarray) -> np.ndarray:
    """Return what every model predicts, (k, n)."""
    linear = [model for model in models if isinstance(model, Linear)]
    if len(linear) < len(models):
        return np.array([model(values) for model in models])
    together = np.column_stack([model.coefficients for model in linear])
    return np.ascontiguousarray((values @ together + [model.intercept for model in linear]).T)


def predictions(frame: Frame, target: Target, members: np.ndarray) -> Predictions:
    """Return the predictions of models trained on some rows of the reference.

    Parameters
    ----------
    frame : Frame
    target : {"age", "sex"}
    members : ndarray of bool, (n,)
        Rows of the reference that are trained on, in turn without each fold.
    """
    key = ("prediction", target, members.tobytes())
    if key in frame.cache:
        earlier: Predictions = frame.cache[key]
        return earlier
    result = _cross_fitted(frame, target, members)
    if is_small(frame):
        frame.cache[key] = result
    return result


def is_small(frame: Frame) -> bool:
    """Whether predictions of all rows are kept for every split, and kernels are quick enough."""
    return max(len(frame.reference.sample), len(frame.generated.sample)) <= MOST_KERNEL_ROWS


def _cross_fitted(frame: Frame, target: Target, members: np.ndarray) -> Predictions:
    fold, models = _models(frame, target, members)
    by_model = [_predicted(models, p.outcomes) for p in (frame.reference, frame.generated)]
    held_out = np.where(members, by_model[0][fold, np.arange(len(fold))], np.nan)
    return Predictions(fold, held_out, by_model[0], by_model[1])


def _models(frame: Frame, target: Target, members: np.ndarray) -> tuple[np.ndarray, list[Predictor]]:
    """Return the fold of every row of the reference, and the model that has not seen each fold."""
    key = ("models", target, members.tobytes())
    if key not in frame.cache:
        fold, y = folds_of(frame, members), target_values(target, frame.reference)
        names, x = chosen_models(frame, target), frame.reference.outcomes
        rows = [
            _training_rows(frame.reference, members & (fold != k), frame.settings.seed)
            for k in range(N_FOLDS)
        ]
        models = [trained(target, names[k], x[train], y[train]) for k, train in enumerate(rows)]
        frame.cache[key] = fold.astype(np.int8), models
    pair: tuple[np.ndarray, list[Predictor]] = frame.cache[key]
    return pair


def _training_rows(arrays: CohortArrays, mask: np.ndarray, seed: int) -> np.ndarray:
    """Return the rows of a mask, of a large cohort a seeded sample of its subjects."""
    rows = arrays.sample.order[mask[arrays.sample.order]]
    if len(rows) <= MOST_TRAINING:
        return rows
    rank = arrays.clusters.ranks(seed, "prediction training")[rows]
    return rows[np.sort(np.argsort(rank, kind="stable")[:MOST_TRAINING])]


def chosen_models(frame: Frame, target: Target) -> list[str]:
    """Return the name of the model of each fold, chosen within the rest of the reference (nested).

    Models that are trained anew on halves of the reference keep the choice of their fold: it is one of a few
    candidates, and choosing it again hundreds of times would cost minutes.
    """
    key = ("prediction models", target)
    if key not in frame.cache:
        arrays = frame.reference
        fold = fold_numbers(arrays, N_FOLDS, frame.settings.seed)
        frame.cache[key] = [
            _chosen(frame, target, _training_rows(arrays, fold != k, frame.settings.seed))
            for k in range(N_FOLDS)
        ]
    names: list[str] = frame.cache[key]
    return names


def _chosen(frame: Frame, target: Target, rows: np.ndarray) -> str:
    return chosen_by_inner_folds(
        target,
        frame.reference.outcomes[rows],
        target_values(target, frame.reference)[rows],
        frame.reference.clusters.row_of[rows],
        kernels=is_small(frame),
    )


def chosen_by_inner_folds(
    target: Target, x: np.ndarray, y: np.ndarray, subject: np.ndarray, *, kernels: bool = True
) -> str:
    """Return the candidate with the smallest error (for sex: highest balanced accuracy) in inner folds.

    Parameters
    ----------
    target : {"age", "sex"}
    x : ndarray, (n, f)
    y : ndarray, (n,)
    subject : ndarray, (n,)
        Rows of one subject stay in one fold.
    kernels : bool
        As in `candidates`.
    """
    n_folds = min(N_INNER_FOLDS, len(np.unique(subject)))
    folds = list(GroupKFold(n_folds, shuffle=True, random_state=0).split(x, y, subject))
    losses = {}
    for name in candidates(target, kernels=kernels):
        prediction = np.empty(len(y))
        for train, test in folds:
            prediction[test] = trained(target, name, x[train], y[train])(x[test])
        losses[name] = _loss(target, prediction, y)
    return min(losses, key=lambda name: losses[name])


def _loss(target: Target, prediction: np.ndarray, y: np.ndarray) -> float:
    if target == "age":
        return float(np.abs(prediction - y).mean())
    wrong = (prediction > 0) != (y == 1)
    return float(sum(wrong[y == one].mean() for one in np.unique(y)))


def trained(target: Target, name: str, x: np.ndarray, y: np.ndarray) -> Predictor:
    """Train a candidate and return its predictor: values (n, f) to years, or to scores of sex, (n,).

    Without variation in `y` there is nothing to learn, and every prediction is NaN.
    """
    if len(np.unique(y)) < 2:
        return lambda values: np.full(len(values), np.nan)
    model = candidates(target)[name]
    shares = np.where(y == 1, (y == 1).mean(), (y != 1).mean()) if target == "sex" else None
    values = y if shares is None else 2.0 * y - 1.0
    weights = np.ones(len(y)) if shares is None else 0.5 / shares
    with config_context(assume_finite=True, skip_parameter_validation=True):  # thousands of small fits
        if isinstance(model, Ridge):
            return _ridge(x, values, weights, model.alpha)
        predictor: Predictor = model.fit(x, values, sample_weight=weights).predict
    return predictor


def _ridge(x: np.ndarray, y: np.ndarray, weights: np.ndarray, penalty: float) -> Predictor:
    """Return what `Ridge(alpha=penalty)` predicts; its checks of the input cost ten times the solution."""
    centre, mean = np.average(x, axis=0, weights=weights), np.average(y, weights=weights)
    beta = ridge_regression(
        x - centre, y - mean, penalty, sample_weight=weights, solver="cholesky", check_input=False
    )
    return Linear(beta, float(mean - centre @ beta))


@dataclass(frozen=True)
class Block:
    """Replicates of a pair that share one set of models, and what these predict.

    Attributes
    ----------
    reference, generated : ndarray, (1, n) and (k, m)
        Predictions of the rows below; of the second cohort by each of the models.
    fold : ndarray of int, (n,)
        Which of the models predicted each row of the reference.
    rows : tuple of (ndarray or slice)
        Rows of both cohorts that have weight.
    sides : tuple of Weighted
        Both cohorts with the weights of these replicates.
    """

    reference: np.ndarray
    generated: np.ndarray
    fold: np.ndarray
    rows: tuple[Rows, Rows]
    sides: tuple[Weighted, Weighted]


def blocks(pair: Pair, target: Target) -> Iterator[Block]:
    """Yield the replicates of a pair with their predictions, in order.

    A bootstrap resamples what the models of the estimate predicted; halves and splits train their own.
    """
    frame = pair.frame
    everything = pair.kind in ("full", "bootstrap")
    both = pair.reference, pair.generated
    for b in range(1 if everything else pair.n_replicates):
        sides = both if everything else (both[0].replicate(b), both[1].replicate(b))
        weights = sides[0].weights
        members = np.ones(weights.shape[1], dtype=bool) if everything else weights[0] > 0
        if everything or is_small(frame):
            result = predictions(frame, target, members)
            other = result.reference if pair.generated.arrays is frame.reference else result.generated
            rows = (ALL, ALL) if everything else (sides[0].present, sides[1].present)
            yield Block(result.held_out[None, rows[0]], other[:, rows[1]], result.fold[rows[0]], rows, sides)
        else:
            yield _block_of_some(frame, target, sides)


def _block_of_some(frame: Frame, target: Target, sides: tuple[Weighted, Weighted]) -> Block:
    """Return the predictions of one replicate of large cohorts, for no rows but its own."""
    fold, models = _models(frame, target, sides[0].weights[0] > 0)
    rows = sides[0].present, sides[1].present
    held_out = np.empty(len(rows[0]))
    for k, model in enumerate(models):
        own = fold[rows[0]] == k
        held_out[own] = model(frame.reference.outcomes[rows[0][own]])
    other = _predicted(models, sides[1].arrays.outcomes[rows[1]])
    return Block(held_out[None], other, fold[rows[0]], rows, sides)
