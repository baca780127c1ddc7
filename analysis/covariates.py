"""Design columns of what differences are adjusted for: age as a restricted cubic spline, sex, head size."""

from dataclasses import dataclass

import numpy as np

from plausibrain.analysis.sample import Sample

SPLINE_QUANTILES = (0.05, 0.35, 0.65, 0.95)
YEARS_PER_UNIT = 10.0
AGE_COLUMNS = ("age", "age_2", "age_3")
LEAST_NEW = 1e-6  # share of a column that must not follow from the others for it to be identified


@dataclass(frozen=True)
class Covariates:
    """Design columns whose constants (centres, knots) come from the reference.

    Attributes
    ----------
    names : tuple of str
    age_center : float
        Years.
    knots : ndarray, (4,)
        Decades.
    tiv_center, tiv_scale : float
        mm³.
    """

    names: tuple[str, ...]
    age_center: float
    knots: np.ndarray
    tiv_center: float
    tiv_scale: float

    @classmethod
    def of(cls, reference: Sample) -> "Covariates":
        """Take the constants from a reference."""
        names = ("one", *AGE_COLUMNS, "sex", *(() if reference.tiv is None else ("tiv",)))
        knots = np.quantile(reference.age, SPLINE_QUANTILES) / YEARS_PER_UNIT
        tiv = np.array([0.0, 1.0]) if reference.tiv is None else reference.tiv
        return cls(names, float(reference.age.mean()), knots, float(tiv.mean()), float(tiv.std()) or 1.0)

    def __call__(self, sample: Sample) -> np.ndarray:
        """Return the design of a sample, (n, p)."""
        parts = [np.ones((len(sample), 1)), self.age_columns(sample.age), sample.male[:, None] - 0.5]
        if sample.tiv is not None:
            parts.append(((sample.tiv - self.tiv_center) / self.tiv_scale)[:, None])
        return np.hstack(parts)

    def age_columns(self, age: np.ndarray) -> np.ndarray:
        """Return the columns of age in years (n,): decades from the reference mean and two bends, (n, 3)."""
        straight = (age - self.age_center) / YEARS_PER_UNIT
        return np.column_stack([straight, restricted_cubic(age / YEARS_PER_UNIT, self.knots)])


def restricted_cubic(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the non-linear columns of a restricted cubic spline: cubic inside, straight outside the knots.

    Parameters
    ----------
    x : ndarray, (n,)
    knots : ndarray, (k,)
        Increasing. Repeated knots (few distinct values) give zero columns.

    Returns
    -------
    ndarray, (n, k - 2)

    References
    ----------
    Harrell, Regression Modeling Strategies, 2nd ed., equation 2.25 (key Harrell2015).

    Examples
    --------
    >>> restricted_cubic(np.array([0.0, 1.0]), np.array([0.0, 1.0, 2.0])).ravel().tolist()
    [0.0, 0.25]
    """
    if np.any(np.diff(knots) <= 0):
        return np.zeros((len(x), len(knots) - 2))
    last, before = knots[-1], knots[-2]
    gap = last - before

    def cube(knot: float) -> np.ndarray:
        return np.maximum(x - knot, 0.0) ** 3

    columns = [
        cube(k) - cube(before) * (last - k) / gap + cube(last) * (before - k) / gap for k in knots[:-2]
    ]
    return np.column_stack(columns) / (last - knots[0]) ** 2


def identified(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Tell which columns add to the constant, the cohort and the columns before them, (p,) bool.

    Parameters
    ----------
    reference, generated : ndarray, (n, p) and (m, p)
        The first column is the constant.
    """
    group = np.r_[np.zeros(len(reference)), np.ones(len(generated))]
    rows = np.vstack([reference, generated])
    keep = np.zeros(rows.shape[1], dtype=bool)
    keep[0] = True
    basis = np.column_stack([rows[:, 0], group])
    for j in range(1, rows.shape[1]):
        column = rows[:, j]
        rest = column - basis @ np.linalg.lstsq(basis, column, rcond=None)[0]
        if rest.std() > LEAST_NEW * (np.abs(column).max() + 1e-12):
            keep[j] = True
            basis = np.column_stack([basis, column])
    return keep


def common_ages(reference: Sample, generated: Sample) -> np.ndarray:
    """Return the ages of all subjects, of both cohorts, within the range of ages that both cover, years.

    Empty when the ranges do not meet.
    """
    low = max(reference.age.min(), generated.age.min())
    high = min(reference.age.max(), generated.age.max())
    ages = np.concatenate([reference.age, generated.age])
    return ages[(ages >= low) & (ages <= high)]


def trend_weights(columns: np.ndarray) -> np.ndarray:
    """Return what each age column contributes to the linear trend of a fitted curve.

    Two cohorts of other ages have other slopes although they age alike, because subjects age faster when they
    are old. The straight line through a fitted curve over ages that both cover is comparable.

    Parameters
    ----------
    columns : ndarray, (n, 3)
        Age columns at the ages that matter; the first is age itself.

    Returns
    -------
    ndarray, (3,)
        Least-squares slope of every column on the first; the first is 1.
    """
    deviations = columns - columns.mean(axis=0) if len(columns) else columns
    total = float((deviations[:, 0] ** 2).sum()) if len(columns) else 0.0
    if total == 0.0:
        return np.array([1.0, 0.0, 0.0])
    return (deviations * deviations[:, :1]).sum(axis=0) / total
