"""What generated subjects are worth to a brain-age model that is tested on held-out reference subjects.

The reference is cut into blocks of a few subjects. Each block in turn is what a study has; a model is trained
on generated subjects, or on the block and generated subjects together, and is tested on the rest of the
reference. Of the generated subjects a block gets only those whose nearest reference subject belongs to the
block: copies of subjects that are tested are thereby kept out of the training, and copies of the block bring
nothing new. Beside it stand as many further reference subjects, chosen in the same way: those outside the
block whose nearest other subject belongs to it. A generated subject is useful when it is worth a real one.

Adding subjects makes a training set larger even when they say nothing, and a larger set is penalised less.
The control for size is the block itself, written down as often as makes it as large as both together.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dposv
from scipy.spatial.distance import cdist
from sklearn.linear_model import RidgeCV

from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import Pair

#: Subjects of a block: few, because a model that has many learns little from more.
BLOCK = 25
MOST_SUBJECTS = 500
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
LEAST_TRAINING = 5
N_PARTITIONS = 4
ARMS = ("alone", "repeated", "real_only", "generated_only", "with_real", "with_generated")


@dataclass(frozen=True)
class Errors:
    """Absolute errors of predicted age of the tested reference rows, years, averaged over blocks.

    Attributes
    ----------
    rows : ndarray of int, (t,)
        Reference rows that were tested.
    by_arm : dict of str to ndarray, (t,)
        Trained on the block `alone`, or `repeated` to the size of the last two; on further real subjects or
        on generated subjects, equally many of either (`real_only`, `generated_only`), or on the block with
        these (`with_real`, `with_generated`).
    """

    rows: np.ndarray
    by_arm: dict[str, np.ndarray]


def errors_of(
    frame: Frame, members: np.ndarray, other: CohortArrays, others: np.ndarray, size: int
) -> Errors:
    """Return the errors of every arm on held-out rows of the reference.

    Parameters
    ----------
    frame : Frame
    members : ndarray of int, (n,)
        Rows of the reference that are cut into blocks, and tested.
    other : CohortArrays
        The cohort whose worth is measured.
    others : ndarray of int, (m,)
        Its rows.
    size : int
        Subjects of a block.
    """
    seed = frame.settings.seed
    rows, others = _most(frame.reference, members, seed), _most(other, others, seed)
    x, y = frame.reference.outcomes[rows], frame.reference.sample.age[rows]
    x_other, y_other = other.outcomes[others], other.sample.age[others]
    rank = _ranks(frame.reference, seed)[rows]
    neighbour = _nearest_other(x, rank)
    nearest = cdist(x_other, x).argmin(axis=1)
    penalty = chosen_penalty(frame, size)
    total = {arm: np.zeros(len(rows)) for arm in ARMS}
    n_tests = np.zeros(len(rows))
    for block in _blocks_of(rank, size):
        real = np.flatnonzero(~block & block[neighbour])
        synthetic = np.flatnonzero(block[nearest])
        few = min(len(real), len(synthetic))
        if few < LEAST_TRAINING:
            continue
        real, synthetic = real[:few], synthetic[:few]
        rest = ~block
        rest[real] = False
        own, new, like = (x[block], y[block]), (x[real], y[real]), (x_other[synthetic], y_other[synthetic])
        sets = {
            "alone": (*own, 1.0),
            "repeated": (*own, 1 + few / block.sum()),
            "real_only": (*new, 1.0),
            "generated_only": (*like, 1.0),
            "with_real": (*_together(own, new), 1.0),
            "with_generated": (*_together(own, like), 1.0),
        }
        for arm, (features, ages, weight) in sets.items():
            total[arm][rest] += np.abs(ridge_predictions(features, ages, penalty / weight, x[rest]) - y[rest])
        n_tests[rest] += 1
    some = n_tests > 0
    return Errors(rows[some], {arm: values[some] / n_tests[some] for arm, values in total.items()})


def ridge_predictions(x: np.ndarray, y: np.ndarray, penalty: float, new: np.ndarray) -> np.ndarray:
    """Return what ridge regression of y (n,) on x (n, f) predicts for new rows (m, f); shape (m,).

    The intercept is not penalised. Written out because the thousands of small fits of this module would spend
    ten times as long in the checks of scikit-learn's `Ridge`, with which the tests compare it. With fewer
    rows than columns the equations of the rows are solved (kernel ridge), which have the same solution.
    """
    centre, mean = x.mean(axis=0), y.mean()
    z = x - centre
    by_rows = len(z) < z.shape[1]
    gram = z @ z.T if by_rows else z.T @ z
    gram[np.diag_indices_from(gram)] += penalty
    right = y - mean if by_rows else z.T @ (y - mean)
    *_, solution, failure = dposv(gram.T, right, lower=1, overwrite_a=1)
    if failure:  # without positive penalty, or with values that are not finite
        return np.full(len(new), np.nan)
    beta = z.T @ solution if by_rows else solution
    prediction: np.ndarray = mean + (new - centre) @ beta
    return prediction


def _together(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    return np.vstack([one[0], other[0]]), np.concatenate([one[1], other[1]])


def _nearest_other(x: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """Return for every row the nearest row of another subject, (n,)."""
    distance = cdist(x, x)
    distance[subject[:, None] == subject] = np.inf
    return distance.argmin(axis=1)


def chosen_penalty(frame: Frame, size: int) -> float:
    """Return the ridge penalty that suits blocks of the reference, by leave-one-out within them (median)."""
    key = ("usefulness penalty", size)
    if key not in frame.cache:
        everything = np.arange(len(frame.reference.sample))
        rows = _most(frame.reference, everything, frame.settings.seed)
        x, y = frame.reference.outcomes[rows], frame.reference.sample.age[rows]
        blocks = _blocks_of(_ranks(frame.reference, frame.settings.seed)[rows], size)
        frame.cache[key] = float(np.median([RidgeCV(PENALTIES).fit(x[b], y[b]).alpha_ for b in blocks]))
    penalty: float = frame.cache[key]
    return penalty


def _ranks(arrays: CohortArrays, seed: int) -> np.ndarray:
    """Return a random number of every subject, the same for its rows, that depends on its cohort alone."""
    return arrays.clusters.ranks(seed, "usefulness")


def _most(arrays: CohortArrays, rows: np.ndarray, seed: int) -> np.ndarray:
    """Return rows by the rank of their subject, those of at most `MOST_SUBJECTS` subjects."""
    rank = _ranks(arrays, seed)[rows]
    subjects = np.unique(rank)[:MOST_SUBJECTS]
    few = np.isin(rank, subjects)
    rows, rank = rows[few], rank[few]
    ids = arrays.sample.subjects["participant_id"].iloc[rows].to_numpy(dtype=str)
    return rows[np.lexsort((ids, rank))]


def _blocks_of(rank: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield the rows of every block of subjects, as masks; blocks are equally large, at least `size`.

    Subjects are cut into blocks several times, each time in another order.
    """
    subjects = np.unique(rank)
    for turn in range(N_PARTITIONS):
        order = np.random.default_rng(turn).permutation(subjects.max() + 1)[subjects]
        shuffle = subjects[np.argsort(order)]
        for part in np.array_split(shuffle, max(len(subjects) // size, 1)):
            if len(part) < len(subjects):
                yield np.isin(rank, part)


def ratio(pair: Pair, arm: str, beside: str) -> np.ndarray:
    """Return the error of one arm over that of another, (B,).

    A bootstrap resamples the tested subjects; halves and splits train anew.
    """
    if pair.kind in ("full", "bootstrap"):
        whole = pair.full if pair.full is not None else pair
        errors = _errors(
            whole, np.ones(pair.reference.weights.shape[1], bool), whole.generated.weights[0] > 0
        )
        w = pair.reference.weights[:, errors.rows].astype(float)
        return _over(errors, arm, beside, w)
    values = []
    for b in range(pair.n_replicates):
        errors = _errors(pair, pair.reference.weights[b] > 0, pair.generated.weights[b] > 0)
        values.append(_over(errors, arm, beside, np.ones((1, len(errors.rows))))[0])
    return np.array(values)


def _errors(pair: Pair, members: np.ndarray, others: np.ndarray) -> Errors:
    frame, other = pair.frame, pair.generated.arrays
    key = ("usefulness", other is frame.reference, members.tobytes(), others.tobytes())
    if key not in frame.cache:
        frame.cache[key] = errors_of(frame, np.flatnonzero(members), other, np.flatnonzero(others), BLOCK)
    errors: Errors = frame.cache[key]
    return errors


def _over(errors: Errors, arm: str, beside: str, w: np.ndarray) -> np.ndarray:
    if not len(errors.rows):
        return np.full(len(w), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (w @ errors.by_arm[arm]) / (w @ errors.by_arm[beside])
