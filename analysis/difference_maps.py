"""The maps over structures behind questions 2 to 5: size, spread, asymmetry, ageing and sex effects."""

import numpy as np

from plausibrain.analysis.covariates import AGE_COLUMNS
from plausibrain.analysis.homologues import homologous
from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import ROLES, Pair, Role
from plausibrain.analysis.regression import fit, with_group
from plausibrain.analysis.settings import HeadSize
from plausibrain.analysis.spread_ratio import error_of_one_shape, log_sd_ratio
from plausibrain.analysis.structure_maps import StructureMap
from plausibrain.analysis.withheld_ageing import judged_structures


def _structures(frame: Frame) -> tuple[str, ...]:
    return frame.structures


def size_difference(pair: Pair) -> np.ndarray:
    """Return the adjusted difference of every structure, SD, (B, s)."""
    return pair.difference(pair.frame.headsize)[:, : len(pair.frame.structures)]


def _size_margin(pair: Pair) -> np.ndarray:
    settings = pair.frame.settings
    return np.array([settings.margin_of(name) for name in pair.frame.structures])


def spread_difference(pair: Pair) -> np.ndarray:
    """Return the logarithm of the ratio of standard deviations of every structure, (B, s)."""
    return log_sd_ratio(pair, pair.frame.headsize)[:, : len(pair.frame.structures)]


def _spread_margin(pair: Pair) -> np.ndarray:
    return np.full(len(pair.frame.structures), np.log(pair.frame.settings.spread_margin))


def _spread_error(pair: Pair) -> np.ndarray:
    return error_of_one_shape(pair, pair.frame.headsize)[: len(pair.frame.structures)]


def mean_asymmetry(pair: Pair, role: Role) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean asymmetry index of every homologous pair, in reference SDs, and its squared error."""
    side = pair.side(role)
    scale = pair.frame.reference.asymmetry.std(axis=0)
    index = side.arrays.asymmetry / np.where(scale > 0, scale, 1.0)
    mean = side.means(index)
    variance = np.maximum(side.means(index**2) - mean**2, 0.0)
    return mean, variance / side.total[:, None]


def asymmetry_difference(pair: Pair) -> np.ndarray:
    """Return generated minus reference mean asymmetry of every homologous pair, reference SDs, (B, pairs)."""
    return mean_asymmetry(pair, "generated")[0] - mean_asymmetry(pair, "reference")[0]


def _pair_names(frame: Frame) -> tuple[str, ...]:
    return tuple(frame.structures[left] for left, _ in homologous(frame.structures))


def _asymmetry_margin(pair: Pair) -> np.ndarray:
    return np.full(len(_pair_names(pair.frame)), pair.frame.settings.margin)


def interaction(pair: Pair, headsize: HeadSize, effect: str) -> np.ndarray:
    """Return how much larger an age or sex effect is in the generated cohort, (B, s).

    One model for both cohorts; the cohort, cohort by age and cohort by sex stand on top of what they share.

    Parameters
    ----------
    pair : Pair
    headsize : str
    effect : {"age", "sex"}
        Age: trend over the shared ages, SD per decade. Sex: men minus women, SD.
    """
    frame = pair.frame
    effect_columns = AGE_COLUMNS if effect == "age" else ("sex",)
    contrast = frame.trend if effect == "age" else np.array([float(c == "sex") for c in frame.columns])
    model = frame.model(tiv=headsize == "covariate")
    moving = [at for at, column in enumerate(model) if frame.columns[column] in (*AGE_COLUMNS, "sex")]
    reference, generated = (pair.convention(role, headsize) for role in ROLES)
    regression = fit(with_group(reference, generated, by=(0, *moving)))
    weights = np.zeros(regression.beta.shape[1])
    for place, at in enumerate(moving, len(model) + 1):
        column = model[at]
        weights[place] = contrast[column] if frame.columns[column] in effect_columns else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return regression.contrast(weights)[0] / pair.residual_sd("reference", headsize)


def ageing_difference(pair: Pair) -> np.ndarray:
    """Return how much steeper every structure changes with age in the generated cohort, SD per decade.

    NaN for structures whose ageing is withheld (`plausibrain.analysis.withheld_ageing`).
    """
    difference = interaction(pair, pair.frame.headsize, "age")[:, : len(pair.frame.structures)]
    return np.where(judged_structures(pair.frame), difference, np.nan)


def sex_difference(pair: Pair) -> np.ndarray:
    """Return how much larger men minus women of every structure is in the generated cohort, SD."""
    return interaction(pair, pair.frame.headsize, "sex")[:, : len(pair.frame.structures)]


def ageing_margin(pair: Pair) -> np.ndarray:
    """Return the same part of every age slope that the headline of the map allows, SD per decade.

    The part is taken of the slope of the structure, or of the typical (root mean square) slope of the map
    where that is larger: a structure that hardly ages in the reference may not need to be exact to a quarter
    of hardly anything.
    """
    slope = np.abs(pair.effect("reference", "age", pair.frame.headsize)[0][0, : len(pair.frame.structures)])
    typical = np.sqrt(np.nanmean(slope[judged_structures(pair.frame)] ** 2))
    return (1 - 1 / pair.frame.settings.recovery_margin) * np.maximum(slope, typical)


def _sex_margin(pair: Pair) -> np.ndarray:
    return np.full(len(pair.frame.structures), pair.frame.settings.margin)


SIZE = StructureMap(size_difference, _size_margin, _structures, ("too small", "too large"))
SPREAD = StructureMap(
    spread_difference,
    _spread_margin,
    _structures,
    ("varies too little", "varies too much"),
    _spread_error,
)
ASYMMETRY = StructureMap(
    asymmetry_difference, _asymmetry_margin, _pair_names,
    ("too small beside the right", "too large beside the right"),
)  # fmt: skip
AGEING = StructureMap(
    ageing_difference, ageing_margin, _structures,
    ("shrinks too fast or grows too slowly", "shrinks too slowly or grows too fast"),
)  # fmt: skip
SEX = StructureMap(
    sex_difference, _sex_margin, _structures, ("men too small beside women", "men too large beside women")
)  # fmt: skip
