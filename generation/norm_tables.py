"""Published norms of adult brain volumes: the numbers, and the mean volume they give for an age and a sex.

Facts with their source stand in ``data/norms.tsv`` (mean at 60 by sex, coefficient of variation, slopes by
decade, left-right correlation) and ``data/correlations.tsv`` (correlations between structures within age and
sex).

References
----------
Bethlehem, Seidlitz, White et al. 2022, Brain charts for the human lifespan, doi:10.1038/s41586-022-04554-y:
the refitted models of brainchart/Lifespan, evaluated for FreeSurfer 6 on T1w. Brain stem: FCON1000 (1,031
adults). Correlations: mean of the partial correlations (given age, sex and site) of FCON1000 with FreeSurfer
and IXI with SynthSeg; those with head size from IXI alone, because the eTIV of FCON1000 is noisy.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

MM3_PER_ML = 1000.0
REFERENCE_AGE = 60.0
SLOPE_DECADES = {
    "slope_20_30": 25.0,
    "slope_40_50": 45.0,
    "slope_50_60": 55.0,
    "slope_60_70": 65.0,
    "slope_70_80": 75.0,
}


@dataclass(frozen=True, slots=True)
class NormTables:
    """The published numbers, aligned over families.

    Attributes
    ----------
    families : DataFrame
        One row per family, in the order of `correlation`; columns of ``norms.tsv``.
    correlation : ndarray, (families, families)
        Correlation of log volumes within age and sex.
    """

    families: pd.DataFrame
    correlation: NDArray[np.float64]

    def number(self, family: str, column: str) -> float:
        """Return one number of ``norms.tsv``."""
        return float(self.families[column].to_numpy(float)[self.position(family)])

    def position(self, family: str) -> int:
        """Return the row of a family."""
        return list(self.families.index).index(family)

    @property
    def log_sd(self) -> NDArray[np.float64]:
        """Standard deviation of the log volume: a log-normal with CV c has ``sqrt(log(1 + c^2))``."""
        cv = self.families["cv_percent"].to_numpy(float) / 100.0
        return np.sqrt(np.log1p(cv**2))


@cache
def norm_tables() -> NormTables:
    """Return the tables shipped with the package, read once."""
    folder = resources.files("plausibrain.generation") / "data"
    with (folder / "norms.tsv").open(encoding="utf-8") as stream:
        families = pd.read_csv(stream, sep="\t", index_col="family")
    with (folder / "correlations.tsv").open(encoding="utf-8") as stream:
        correlation = pd.read_csv(stream, sep="\t", index_col="family")
    matrix = correlation.loc[families.index, families.index].to_numpy(float)
    return NormTables(families, matrix)


def age_factor(family: str, age: ArrayLike) -> NDArray[np.float64]:
    """Return the mean volume at an age as a multiple of the mean at 60.

    Parameters
    ----------
    family : str
        Row of ``norms.tsv``.
    age : array_like, (n,)
        Years.

    Returns
    -------
    ndarray, (n,)
        1 at 60.

    Notes
    -----
    The slopes (percent of the volume per year) stand at the middle of their decades, are joined by straight
    lines, held constant outside them, and integrated.
    """
    slopes = norm_tables().families.loc[family, list(SLOPE_DECADES)].to_numpy(float) / 100.0
    middles = np.array(list(SLOPE_DECADES.values()))
    grid = np.arange(0.0, 121.0, 0.25)
    slope = np.interp(grid, middles, slopes)
    steps = 0.5 * (slope[1:] + slope[:-1]) * np.diff(grid)
    log_factor = np.concatenate([[0.0], np.cumsum(steps)])
    log_factor -= np.interp(REFERENCE_AGE, grid, log_factor)
    return np.exp(np.interp(np.asarray(age, float), grid, log_factor))


def expected_volume(family: str, age: ArrayLike, sex: ArrayLike) -> NDArray[np.float64]:
    """Return the mean total volume of a family (both hemispheres), mm3.

    Parameters
    ----------
    family : str
        Row of ``norms.tsv``, for instance ``"Hippocampus"``.
    age : array_like, (n,)
        Years.
    sex : array_like, (n,)
        ``"M"`` or ``"F"``.

    Returns
    -------
    ndarray, (n,)
        mm3.

    Examples
    --------
    >>> float(expected_volume("Hippocampus", [60.0], ["M"])[0])
    7880.0
    """
    tables = norm_tables()
    hemispheres = 2.0 if tables.families.at[family, "unit_of"] == "hemisphere" else 1.0
    male = np.asarray(sex, dtype=object) == "M"
    at_sixty = np.where(
        male, tables.number(family, "mean_male_60y_ml"), tables.number(family, "mean_female_60y_ml")
    )
    return np.asarray(hemispheres * MM3_PER_ML * at_sixty * age_factor(family, age), float)
