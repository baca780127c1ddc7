"""Both cohorts on one scale: designs, outcomes and features that every replicate shares.

Scaling constants and spline knots come from the reference alone and are fixed before
resampling, so that bootstrap, splits and the estimate are the same function of weights.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.regression import fit, moments
from analysis.sample import Sample, Samples
from analysis.settings import HeadSize, Settings
from analysis.sides import homologous
from analysis.weights import Clusters, ones, people_rng

SPLINE_QUANTILES = (0.05, 0.35, 0.65, 0.95)
YEARS_PER_UNIT = 10.0


@dataclass(frozen=True, eq=False)
class Prepared:
    """One cohort on the common scale.

    Attributes
    ----------
    sample : Sample
    design : ndarray, (n, p)
        Columns as `Frame.columns`; the first is the constant.
    outcomes : ndarray, (n, s + 1) or (n, s)
        Volumes, and head size last where it is known, in reference standard deviations from the reference
        mean.
    shares : ndarray, (n, s) or None
        Volumes over head size on their own reference scale.
    features : ndarray, (n, f)
        Deviations from what the reference predicts for age and sex, in its residual standard deviations.
    regions : ndarray, (n, r)
        The same for volumes over head size (raw volumes where it is unknown), homologous structures averaged.
    residuals : ndarray, (n, s)
        Deviations from the cohort's own prediction for age, sex and head size, for correlations.
    pairwise_rows : ndarray of int
        Rows that take part in statistics over pairs: all, or a seeded sample of a large cohort.
    """

    sample: Sample
    design: np.ndarray
    outcomes: np.ndarray
    shares: np.ndarray | None
    features: np.ndarray
    regions: np.ndarray
    residuals: np.ndarray
    pairwise_rows: np.ndarray

    @cached_property
    def asymmetry(self) -> np.ndarray:
        """Asymmetry indices (left - right) / (left + right) of homologous structures, (n, pairs)."""
        v = self.sample.volumes
        sides = np.array(homologous(self.sample.structures)).reshape(-1, 2)
        left, right = v[:, sides[:, 0]], v[:, sides[:, 1]]
        total = left + right
        return (left - right) / np.where(total > 0, total, 1.0)

    @property
    def clusters(self) -> Clusters:
        """Rows grouped by person."""
        return self.sample.clusters

    def shifted(self, amount: float) -> "Prepared":
        """Return this cohort with every feature and region raised by `amount` standard deviations."""
        return replace(self, features=self.features + amount, regions=self.regions + amount)


@dataclass(frozen=True, eq=False)
class Frame:
    """The common scale of one comparison.

    Attributes
    ----------
    settings : Settings
    structures : tuple of str, (s,)
    columns : tuple of str, (p,)
        Design columns that can be told apart from the difference between the cohorts.
    reference, generated : Prepared
    center, scale : ndarray, (s + 1,) or (s,)
        Reference mean and standard deviation of each outcome, mm³.
    excluded : DataFrame
        As `Samples.excluded`.
    cache : dict
        Distance matrices that several headlines share.
    """

    settings: Settings
    structures: tuple[str, ...]
    columns: tuple[str, ...]
    reference: Prepared
    generated: Prepared
    center: np.ndarray
    scale: np.ndarray
    excluded: pd.DataFrame
    cache: dict[object, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def has_tiv(self) -> bool:
        """Whether both cohorts carry head size."""
        return self.reference.sample.tiv is not None

    @property
    def outcome_names(self) -> tuple[str, ...]:
        """Names of the outcome columns."""
        return (*self.structures, *(("TIV",) if self.has_tiv else ()))

    @property
    def headsize(self) -> HeadSize:
        """Head-size convention of the headlines; `none` where head size is unknown."""
        return self.settings.headsize if self.has_tiv else "none"

    @cached_property
    def split_size(self) -> int:
        """People per half in real-against-real splits."""
        return min(len(self.reference.clusters) // 2, len(self.generated.clusters))

    def model(self, *, tiv: bool, spline: bool = True, without: tuple[str, ...] = ()) -> list[int]:
        """Return the design columns of a model, by what it adjusts for."""
        out = set(without)
        if not tiv:
            out.add("tiv")
        if not spline:
            out |= {"age_2", "age_3"}
        return [i for i, name in enumerate(self.columns) if name not in out]

    def varies(self, name: str) -> dict[str, bool]:
        """Tell for each cohort whether `age` or `sex` varies in it."""
        values = {
            role: (prepared.sample.age if name == "age" else prepared.sample.male)
            for role, prepared in (("reference", self.reference), ("generated", self.generated))
        }
        return {role: bool(np.ptp(v) > 0) for role, v in values.items()}


def build_frame(samples: Samples, settings: Settings) -> Frame:
    """Put two cohorts of the same structures on the reference's scale."""
    both = samples.reference, samples.generated
    y = [_outcomes(sample) for sample in both]
    center, scale = y[0].mean(axis=0), y[0].std(axis=0, ddof=1)
    basis = _Basis.of(samples.reference)
    designs = [basis(sample) for sample in both]
    keep = _identified(*designs)
    columns = tuple(name for name, ok in zip(basis.names, keep, strict=True) if ok)
    x = [design[:, keep] for design in designs]
    scaled = [(values - center) / scale for values in y]
    shares = _shares(*both)
    features = _deviations(x, scaled, columns)
    s = len(samples.reference.structures)
    regions = _deviations(
        x, [r if r is not None else v[:, :s] for r, v in zip(shares, scaled, strict=True)], columns
    )
    prepared = [
        Prepared(
            sample=both[i],
            design=x[i],
            outcomes=scaled[i],
            shares=shares[i],
            features=features[i],
            regions=_average_sides(regions[i], samples.reference.structures),
            residuals=_own_residuals(x[i], scaled[i][:, :s]),
            pairwise_rows=_pairwise_rows(both[i], settings),
        )
        for i in range(2)
    ]
    structures = samples.reference.structures
    return Frame(settings, structures, columns, prepared[0], prepared[1], center, scale, samples.excluded)


def _outcomes(sample: Sample) -> np.ndarray:
    return sample.volumes if sample.tiv is None else np.column_stack([sample.volumes, sample.tiv])


@dataclass(frozen=True)
class _Basis:
    """Design columns with constants from the reference: age in decades, a restricted cubic spline, sex, head size."""

    names: tuple[str, ...]
    age_center: float
    knots: np.ndarray
    tiv_center: float
    tiv_scale: float

    @classmethod
    def of(cls, reference: Sample) -> "_Basis":
        names = ("one", "age", "age_2", "age_3", "sex", *(() if reference.tiv is None else ("tiv",)))
        knots = np.quantile(reference.age, SPLINE_QUANTILES) / YEARS_PER_UNIT
        tiv = np.array([0.0, 1.0]) if reference.tiv is None else reference.tiv
        return cls(names, float(reference.age.mean()), knots, float(tiv.mean()), float(tiv.std()) or 1.0)

    def __call__(self, sample: Sample) -> np.ndarray:
        age = (sample.age - self.age_center) / YEARS_PER_UNIT
        bent = restricted_cubic(sample.age / YEARS_PER_UNIT, self.knots)
        parts = [np.ones(len(sample)), age, bent[:, 0], bent[:, 1], sample.male - 0.5]
        if sample.tiv is not None:
            parts.append((sample.tiv - self.tiv_center) / self.tiv_scale)
        return np.column_stack(parts)


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
    last, before = knots[-1], knots[-2]
    span = (last - knots[0]) or 1.0
    gap = last - before
    if gap <= 0 or np.any(np.diff(knots) <= 0):
        return np.zeros((len(x), len(knots) - 2))

    def cube(knot: float) -> np.ndarray:
        return np.maximum(x - knot, 0.0) ** 3

    columns = [
        cube(k) - cube(before) * (last - k) / gap + cube(last) * (before - k) / gap for k in knots[:-2]
    ]
    return np.column_stack(columns) / span**2


def _identified(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Keep a column only if it adds to the constant, the group and the columns kept before it."""
    group = np.r_[np.zeros(len(reference)), np.ones(len(generated))]
    pooled = np.vstack([reference, generated])
    keep = np.zeros(pooled.shape[1], dtype=bool)
    keep[0] = True
    basis = np.column_stack([pooled[:, 0], group])
    for j in range(1, pooled.shape[1]):
        column = pooled[:, j]
        rest = column - basis @ np.linalg.lstsq(basis, column, rcond=None)[0]
        if rest.std() > 1e-6 * (np.abs(column).max() + 1e-12):
            keep[j] = True
            basis = np.column_stack([basis, column])
    return keep


def _shares(reference: Sample, generated: Sample) -> tuple[np.ndarray | None, np.ndarray | None]:
    if reference.tiv is None or generated.tiv is None:
        return None, None
    raw = reference.volumes / reference.tiv[:, None], generated.volumes / generated.tiv[:, None]
    center, scale = raw[0].mean(axis=0), raw[0].std(axis=0, ddof=1)
    return (raw[0] - center) / scale, (raw[1] - center) / scale


def _deviations(
    designs: list[np.ndarray], outcomes: list[np.ndarray], columns: tuple[str, ...]
) -> list[np.ndarray]:
    """Remove what age and sex predict in the reference, in reference residual standard deviations."""
    model = [i for i, name in enumerate(columns) if name != "tiv"]
    x = designs[0][:, model]
    fitted = fit(moments(x, outcomes[0], ones(len(x))))
    sd = np.sqrt(fitted.variance[0])
    sd = np.where(sd > 0, sd, 1.0)
    return [(y - d[:, model] @ fitted.beta[0]) / sd for d, y in zip(designs, outcomes, strict=True)]


def _own_residuals(design: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    fitted = fit(moments(design, outcomes, ones(len(design))))
    sd = np.sqrt(fitted.variance[0])
    return ((outcomes - design @ fitted.beta[0]) / np.where(sd > 0, sd, 1.0)).astype(np.float32)


def _average_sides(values: np.ndarray, structures: tuple[str, ...]) -> np.ndarray:
    pairs = homologous(structures)
    paired = {i for pair in pairs for i in pair}
    columns = [values[:, list(pair)].mean(axis=1) for pair in pairs]
    columns += [values[:, i] for i in range(values.shape[1]) if i not in paired]
    return np.column_stack(columns)


def _pairwise_rows(sample: Sample, settings: Settings) -> np.ndarray:
    n, most = len(sample), settings.max_pairwise
    if n <= most:
        return np.arange(n)
    rng = people_rng(sample.clusters.ids, settings.seed, "pairwise rows")
    return np.sort(rng.choice(n, most, replace=False))
