"""Copies of training subjects, and near-duplicates among the generated.

A copy is a generated image that is more like its nearest training image than 95 % of new real subjects are to
theirs. New real subjects are the reference, who were not trained on: so of a generator that copies nobody, 5
% are called copies too.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from plausibrain.analysis.feature_samples import (
    IMAGE_SPACE,
    chosen_extractor,
    equal_members,
    same_subject,
    squared_distances,
)
from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import ROLES, Pair, full_pair
from plausibrain.cohorts.cohort import Cohort

#: Share of new real subjects who look like copies.
CHANCE = 0.05
_AT_A_TIME = 2000


@dataclass(frozen=True, eq=False)
class Nearest:
    """For some images the most similar of others.

    Attributes
    ----------
    similarity : ndarray, (n,)
        Correlation with the nearest, NaN for an image without a vector.
    row : ndarray of int, (n,)
        Which it is; -1 for an image without a vector.
    """

    similarity: np.ndarray
    row: np.ndarray


@dataclass(frozen=True, eq=False)
class Copies:
    """Nearest training images of generated and of held-out subjects, in one space.

    Attributes
    ----------
    generated, held_out : Nearest
        To the training images.
    generated_to_held_out : Nearest
        Nearest held-out image of every generated one; `row` counts in the reference.
    held_out_rows : ndarray of int
        Rows of the reference who are not among the training subjects.
    p : ndarray, (n_generated,)
        Share of new real subjects at least as similar to their nearest; NaN without a vector.
    limit : float
        Smallest similarity that counts as a copy.
    published_limit : float
        The same by the published rule: the 95th percentile, over training images, of the similarity to the
        nearest held-out image.
    """

    generated: Nearest
    held_out: Nearest
    generated_to_held_out: Nearest
    held_out_rows: np.ndarray
    p: np.ndarray
    limit: float
    published_limit: float

    @property
    def flagged(self) -> np.ndarray:
        """Which generated images are copies, (n_generated,)."""
        return np.nan_to_num(self.p, nan=1.0) <= CHANCE


def held_out_rows(frame: Frame) -> np.ndarray:
    """Return the rows of the reference whose subject was not trained on.

    Somebody of the same id and sex and of about the same age is taken for the same subject. The id alone will
    not do: `sub-01` of two studies are two subjects.
    """
    if frame.training is None:
        return np.arange(0)
    training = frame.training.subjects.groupby("subject")[["age", "sex"]].first()
    subjects = frame.reference.sample.subjects
    same_id = subjects["subject"].isin(training.index).to_numpy()
    same = training.reindex(subjects["subject"])
    years = np.abs(same["age"].to_numpy(dtype=float) - subjects["age"].to_numpy(dtype=float))
    near = years <= frame.settings.rules.same_age_years
    return np.flatnonzero(~(same_id & near & (same["sex"].to_numpy() == subjects["sex"].to_numpy())))


def find_copies(frame: Frame, name: str) -> Copies:
    """Compare generated and held-out images with all training images, in the space of one extractor.

    References
    ----------
    Dar et al. 2025 (key Dar2025): nearest training against nearest held-out image, 95th percentile. Theirs
    looks from the training images, which are many, at the held-out ones, which are few, and so flags more
    the more one trained on; here both look at the same training images. The published limit is kept beside
    it.
    """
    key = ("copies", name)
    if key not in frame.cache:
        frame.cache[key] = _find_copies(frame, name)
    copies: Copies = frame.cache[key]
    return copies


def _find_copies(frame: Frame, name: str) -> Copies:
    training = _training(frame).features[name]
    rows = held_out_rows(frame)
    vectors = [frame.generated.sample.features[name], frame.reference.sample.features[name][rows], training]
    directions = [_directions(v, training) for v in vectors]
    generated, held_out = (_nearest(d, directions[2]) for d in directions[:2])
    similarities = np.sort(held_out.similarity[np.isfinite(held_out.similarity)])
    above = len(similarities) - np.searchsorted(similarities, generated.similarity, side="left")
    p = np.where(np.isfinite(generated.similarity), (1 + above) / (len(similarities) + 1), np.nan)
    rank = int(CHANCE * (len(similarities) + 1))
    limit = float(similarities[-rank]) if 1 <= rank <= len(similarities) else np.inf
    back = _nearest(directions[2], directions[1]).similarity
    published_limit = float(np.nanquantile(back, 1 - CHANCE)) if np.isfinite(back).any() else np.inf
    real = _nearest(directions[0], directions[1])
    real = Nearest(real.similarity, np.where(real.row >= 0, rows[real.row], -1))
    return Copies(generated, held_out, real, rows, p, limit, published_limit)


def _training(frame: Frame) -> Cohort:
    if frame.training is None:
        raise ValueError("there are no training subjects; check the capability first")
    return frame.training


def _directions(vectors: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return deviations from the mean training image, of length one: their products are correlations.

    What all brains share would make everybody alike. The voxels of an image keep their scale; other
    features are divided by their standard deviation over the training subjects.
    """
    finite_training = training[np.isfinite(training).all(axis=1)].astype(np.float32)
    deviations = vectors.astype(np.float32) - finite_training.mean(axis=0)
    if vectors.shape[1] <= 4096:
        spread = finite_training.std(axis=0)
        deviations = deviations / np.where(spread > 1e-6 * max(float(spread.max()), 1e-30), spread, np.inf)
    length = np.linalg.norm(deviations, axis=1, keepdims=True)
    return deviations / np.where(length > 0, length, 1.0)


def _nearest(queries: np.ndarray, others: np.ndarray) -> Nearest:
    """Return the most similar of others, a few thousand of them at a time."""
    best = np.full(len(queries), -np.inf, dtype=np.float32)
    row = np.full(len(queries), -1)
    has_vector = np.isfinite(queries).all(axis=1)
    usable = np.flatnonzero(np.isfinite(others).all(axis=1))
    for start in range(0, len(usable), _AT_A_TIME):
        block = usable[start : start + _AT_A_TIME]
        similarity = queries[has_vector] @ others[block].T
        at = similarity.argmax(axis=1)
        value = similarity[np.arange(len(at)), at]
        better = value > best[has_vector]
        places = np.flatnonzero(has_vector)[better]
        best[places], row[places] = value[better], block[at[better]]
    return Nearest(np.where(np.isfinite(best), best, np.nan).astype(float), row)


def share_of_copies(pair: Pair, flags: np.ndarray) -> np.ndarray:
    """Return the weighted share of generated images that are flagged, (B,)."""
    return pair.generated.means(flags[:, None])[:, 0]


def copies_interval(frame: Frame, level: float) -> tuple[float, float]:
    """Return an interval of the share of copies, for the subjects drawn and those compared with.

    Notes
    -----
    Clopper-Pearson with as many draws as there are requested subjects, not images; then wider by how far the
    limit, an order statistic of the held-out subjects, may be from the 5 % it stands for (a beta
    distribution).
    """
    copies = find_copies(frame, chosen_extractor(frame, IMAGE_SPACE))
    n_held_out = int(np.isfinite(copies.held_out.similarity).sum())
    share = float(copies.flagged.mean())
    return share_interval(share, len(frame.generated.clusters), n_held_out, level)


def near_duplicates_interval(frame: Frame, level: float) -> tuple[float, float]:
    """Return an interval of the share of near-duplicates, as `copies_interval` does."""
    name = chosen_extractor(frame, IMAGE_SPACE)
    near_duplicates = find_near_duplicates(full_pair(frame), 0, name)
    n = len(np.unique(frame.generated.clusters.row_of[near_duplicates.rows]))
    return share_interval(float(near_duplicates.flagged.mean()), n, len(near_duplicates.flagged), level)


def share_interval(share: float, n: int, n_real: int, level: float) -> tuple[float, float]:
    """Return an interval of a share beyond a limit that is exceeded by 5 % of `n_real` real subjects.

    Parameters
    ----------
    share : float
    n : int
        Independent draws behind the share.
    n_real : int
        Real subjects behind the limit.
    level : float

    Examples
    --------
    >>> [round(end, 2) for end in share_interval(0.0, 50, 10_000, 0.9)]
    [0.0, 0.06]
    """
    tail = (1 - level) / 2
    hits = share * n
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    rank = max(int(CHANCE * (n_real + 1)), 1)
    may_be = beta.ppf([tail, 1 - tail], rank, n_real + 1 - rank)
    return max(low - float(may_be[1] - CHANCE), 0.0), min(high + float(CHANCE - may_be[0]), 1.0)


# --- near-duplicates within a cohort ---


def share_of_near_duplicates(pair: Pair, name: str) -> np.ndarray:
    """Return the share of generated images with a near-duplicate in their cohort, (B,).

    An image has a near-duplicate when its nearest other subject is nearer than those of 95 % of real
    subjects, at the same n. A bootstrap resamples what was found once: a subject drawn twice is no
    near-duplicate.
    """
    if pair.kind == "bootstrap" and pair.full is not None:
        near_duplicates = find_near_duplicates(pair.full, 0, name)
        weights = pair.generated.weights[:, near_duplicates.rows].astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (weights @ near_duplicates.flagged.astype(float)) / weights.sum(axis=1)
    return np.array(
        [float(np.mean(find_near_duplicates(pair, b, name).flagged)) for b in range(pair.n_replicates)]
    )


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """Generated images that were compared, as many as real ones.

    Attributes
    ----------
    rows : ndarray of int, (n,)
        In the sample.
    flagged : ndarray of bool, (n,)
        Which have a near-duplicate among the others that were compared.
    limit : float
        Distance below which another subject is a near-duplicate.
    """

    rows: np.ndarray
    flagged: np.ndarray
    limit: float


def find_near_duplicates(pair: Pair, replicate: int, name: str) -> NearDuplicates:
    """Compare generated images with each other, and as many real ones, in the space of one extractor."""
    members = equal_members(pair, replicate, name, pair.frame.settings.max_pairwise)
    sides = [pair.side(role).arrays for role in ROLES]
    nearest = [
        nearest_other(pair.frame, p, positions, name) for p, positions in zip(sides, members, strict=True)
    ]
    limit = float(np.quantile(nearest[0], CHANCE)) if len(nearest[0]) else np.nan
    rows = pair.generated.arrays.pairwise_rows[members[1]]
    return NearDuplicates(rows, nearest[1] < limit, float(np.sqrt(limit)))


def nearest_other(frame: Frame, arrays: CohortArrays, positions: np.ndarray, name: str) -> np.ndarray:
    """Return the squared distance of every image to the nearest of another subject, (len(positions),)."""
    squares = squared_distances(frame, arrays, arrays, name, "raw")[np.ix_(positions, positions)]
    same = same_subject(arrays)[np.ix_(positions, positions)]
    return np.where(same, np.inf, squares).min(axis=1, initial=np.inf)
