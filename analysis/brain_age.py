"""What is asked of predicted ages and sexes: how they follow age, how far they are off, how often they hit.

The age-bias correction is the one of Cole et al. (2018): predicted age is divided by the slope that
predicted age has on age in held-out reference subjects. It takes nothing from the age of the subject that is
corrected. The other correction in use adds that age to the prediction, by which a generator that ignores age
would seem to follow it (de Lange and Cole 2020; Butler et al. 2021).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from plausibrain.analysis.conditions import Sums, line_of
from plausibrain.analysis.pair import ROLES, Pair, Role
from plausibrain.analysis.prediction import Block, blocks, target_values
from plausibrain.analysis.regression import Moments, fit, with_group

Reduce = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From predictions (k, n) and truth (n,) to one number per row and model, (k, n)."""


def years(prediction: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Return the predicted age itself."""
    return prediction


def absolute_error(prediction: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Return the absolute error of predicted age, years."""
    return np.abs(prediction - age)


def on_one_level(block: Block) -> Block:
    """Return the block with held-out predictions freed of the level of their fold's model.

    A fold of old subjects is predicted by a model that has seen fewer of them and guesses lower, so that
    slopes over pooled folds come out too small. The level of a model is its mean prediction of the other
    cohort, none of which it has seen.
    """
    level = block.generated.mean(axis=1)
    return replace(block, reference=block.reference - (level - level.mean())[block.fold])


def side_moments(pair: Pair, block: Block, reduce: Reduce) -> list[Moments]:
    """Return the moments of a quantity on age and sex in both cohorts, averaged over models."""
    frame = pair.frame
    columns = frame.model(tiv=False)
    sums = []
    for side, prediction, rows in zip(
        block.sides, (block.reference, block.generated), block.rows, strict=True
    ):
        arrays = side.arrays
        y = reduce(prediction, target_values("age", arrays)[rows]).mean(axis=0)
        sums.append(side.moments_of(arrays.design[rows][:, columns], y[:, None], rows))
    return sums


def age_trends(pair: Pair) -> dict[Role, np.ndarray]:
    """Return the slope of predicted age on age, adjusted for sex, over shared ages in both cohorts, (B,)."""
    contrast = pair.frame.trend[pair.frame.model(tiv=False)] / 10.0
    parts: list[list[np.ndarray]] = [[], []]
    for block in blocks(pair, "age"):
        for slopes, m in zip(parts, side_moments(pair, on_one_level(block), years), strict=True):
            slopes.append(fit(m).contrast(contrast)[0][:, 0])
    return {role: np.concatenate(part) for role, part in zip(ROLES, parts, strict=True)}


def relative_trend(pair: Pair) -> np.ndarray:
    """Return the slope of age-bias corrected brain age on age: generated over held-out reference, (B,)."""
    trends = age_trends(pair)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(trends["reference"] > 0, trends["generated"] / trends["reference"], np.nan)


def standardised_gap(pair: Pair) -> np.ndarray:
    """Return how much older generated than reference subjects of their age and sex look, SD, (B,)."""
    gaps = []
    for block in blocks(pair, "age"):
        reference, generated = side_moments(pair, block, years)
        gap = fit(with_group(reference, generated)).beta[:, -1, 0]
        gaps.append(gap / np.sqrt(fit(reference).variance[:, 0]))
    return np.concatenate(gaps)


def relative_error(pair: Pair) -> np.ndarray:
    """Return the absolute error of predicted age, generated over held-out reference, at equal age, (B,)."""
    ratios = []
    for block in blocks(pair, "age"):
        reference, generated = side_moments(pair, block, absolute_error)
        more = fit(with_group(reference, generated)).beta[:, -1, 0]
        ratios.append(1 + more / (reference.xy[:, 0, 0] / reference.n))
    return np.maximum(np.concatenate(ratios), 0.0)


def balanced_accuracy(pair: Pair) -> dict[Role, np.ndarray]:
    """Return the share of subjects whose sex is predicted right, both sexes weighted alike, (B,)."""
    parts: list[list[np.ndarray]] = [[], []]
    for block in blocks(pair, "sex"):
        for part, side, rows, scores in zip(
            parts, block.sides, block.rows, (block.reference, block.generated), strict=True
        ):
            male = target_values("sex", side.arrays)[rows] == 1
            hit = ((scores > 0) == male).mean(axis=0)
            columns = np.column_stack([hit * male, hit * ~male, male, ~male])
            hits_male, hits_female, n_male, n_female = side.sums(columns, rows).T
            part.append((hits_male / np.maximum(n_male, 1.0) + hits_female / np.maximum(n_female, 1.0)) / 2)
    return {role: np.concatenate(part) for role, part in zip(ROLES, parts, strict=True)}


def accuracy_difference(pair: Pair) -> np.ndarray:
    """Return the balanced accuracy of predicted sex, generated minus held-out reference, (B,)."""
    accuracy = balanced_accuracy(pair)
    return accuracy["generated"] - accuracy["reference"]


def age_scores(role: Role, pair: Pair) -> np.ndarray:
    """Return how predicted age goes with age in one cohort, (B, 4).

    The columns are the correlation, the slope before correction, and the mean absolute error in years before
    and after the age-bias correction.
    """
    scores, side = [], ROLES.index(role)
    for block in blocks(pair, "age"):
        ages = [
            target_values("age", pair.side(r).arrays)[rows] for r, rows in zip(ROLES, block.rows, strict=True)
        ]
        line = np.polyfit(ages[0], block.reference[0], 1)
        prediction = (block.reference, block.generated)[side]
        sums = partial(block.sides[side].sums, rows=block.rows[side])
        scores.append(_scores(prediction, ages[side], sums, line))
    return np.concatenate(scores)


def _scores(prediction: np.ndarray, age: np.ndarray, sums: Sums, line: np.ndarray) -> np.ndarray:
    corrected_age = (prediction - line[1]) / line[0]
    lines = np.array([line_of(sums, age, p) for p in prediction]).mean(axis=0)  # (3, B), over models
    errors = [np.abs(p - age).mean(axis=0) for p in (prediction, corrected_age)]
    n, raw, after = sums(np.column_stack([np.ones(len(age)), *errors])).T
    return np.column_stack([lines[2], lines[0], raw / n, after / n])


def corrected_brain_age(pair: Pair) -> np.ndarray:
    """Return the age-bias corrected brain age of every generated row, years, averaged over models, (m,)."""
    block = next(blocks(pair, "age"))
    slope, intercept = np.polyfit(
        target_values("age", pair.reference.arrays)[block.rows[0]], block.reference[0], 1
    )
    brain_age: np.ndarray = (block.generated.mean(axis=0) - intercept) / slope
    return brain_age
