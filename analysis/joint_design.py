"""Both cohorts on one scale: designs, outcomes and features that every replicate shares.

Scaling constants and spline knots come from the reference alone and are fixed before
resampling, so that bootstrap, splits and the estimate are the same function of weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from plausibrain.analysis.covariates import AGE_COLUMNS, Covariates, common_ages, identified, trend_weights
from plausibrain.analysis.feature_scaling import deviating_clouds
from plausibrain.analysis.homologues import average_sides, homologous
from plausibrain.analysis.regression import GroupedProducts, fit, moments
from plausibrain.analysis.sample import Sample, Samples
from plausibrain.analysis.settings import HeadSize, Settings
from plausibrain.analysis.sites import within_sites
from plausibrain.analysis.weights import Clusters, ones
from plausibrain.cohorts.cohort import Cohort

if TYPE_CHECKING:
    from plausibrain.analysis.independent import Groups

LARGEST_LEVERAGE = 0.9
SPREAD_LIMITS = (0.25, 4.0)
SHRINKAGE = 4.0  # a slope of two standard errors is shrunk to nothing


@dataclass(frozen=True, eq=False)
class CohortArrays:
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
        Deviations from what the reference predicts for age and sex, in standard deviations of reference
        subjects of that age; a reference subject is predicted without that subject.
    regions : ndarray, (n, r)
        The same for volumes over head size (raw volumes where it is unknown), homologous structures averaged.
    residuals : ndarray, (n, s)
        Deviations from the cohort's own prediction for age, sex and head size, for correlations.
    pairwise_rows : ndarray of int
        Rows that take part in statistics over pairs: those of ages that both cohorts cover, of a large
        cohort a seeded sample.
    quality : ndarray, (n, k)
        Measures of image quality, in reference standard deviations from the reference mean; k is 0 without
        images.
    quality_deviations : ndarray, (n, k)
        The same as deviations from what the reference predicts for age and sex, as in `features`.
    clouds : mapping of str to ndarray, (len(pairwise_rows), d)
        Feature vectors of the images of `pairwise_rows`, by extractor, as deviations from what the reference
        predicts for age and sex; a NaN row where there is none. See `plausibrain.analysis.feature_samples`.
    """

    sample: Sample
    design: np.ndarray
    outcomes: np.ndarray
    shares: np.ndarray | None
    features: np.ndarray
    regions: np.ndarray
    residuals: np.ndarray
    pairwise_rows: np.ndarray
    quality: np.ndarray
    quality_deviations: np.ndarray
    clouds: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def products(self) -> dict[str, GroupedProducts]:
        """Sums of products within units of resampling, by the name of their outcomes; of large cohorts."""
        return {}

    @cached_property
    def asymmetry(self) -> np.ndarray:
        """Asymmetry indices (left - right) / (left + right) of homologous structures, (n, pairs)."""
        v = self.sample.volumes
        sides = np.array(homologous(self.sample.structures), dtype=int).reshape(-1, 2)
        left, right = v[:, sides[:, 0]], v[:, sides[:, 1]]
        total = left + right
        return (left - right) / np.where(total > 0, total, 1.0)

    @property
    def clusters(self) -> Clusters:
        """Rows grouped by subject."""
        return self.sample.clusters

    def shifted(self, amount: float) -> "CohortArrays":
        """Return this cohort with every feature and region raised by `amount` standard deviations."""
        return replace(
            self,
            features=self.features + amount,
            regions=self.regions + amount,
            clouds={name: points + np.float32(amount) for name, points in self.clouds.items()},
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """The common scale of one comparison.

    Attributes
    ----------
    settings : Settings
    structures : tuple of str, (s,)
    columns : tuple of str, (p,)
        Design columns that can be told apart from the difference between the cohorts.
    reference, generated : CohortArrays
    center, scale : ndarray, (s + 1,) or (s,)
        Reference mean and standard deviation of each outcome, mm³.
    excluded : DataFrame
        As `Samples.excluded`.
    common_ages : ndarray
        Ages within the range that both cohorts cover, years.
    trend : ndarray, (p,)
        Contrast of the design columns: linear trend per decade of a fitted age curve over `common_ages`.
    training : Cohort or None
        Subjects that the generator was trained on.
    independent : Groups or None
        Patients and controls of an independent cohort.
    missing : DataFrame
        As `Samples.missing`.
    samples : Samples or None
        Both cohorts as they were read, sites and all.
    cache : dict
        Distance matrices that several headlines share.
    """

    settings: Settings
    structures: tuple[str, ...]
    columns: tuple[str, ...]
    reference: CohortArrays
    generated: CohortArrays
    center: np.ndarray
    scale: np.ndarray
    excluded: pd.DataFrame
    common_ages: np.ndarray
    trend: np.ndarray
    training: Cohort | None = None
    independent: "Groups | None" = None
    missing: pd.DataFrame = field(default_factory=pd.DataFrame)
    samples: Samples | None = None
    cache: dict[object, Any] = field(default_factory=dict, repr=False)

    @property
    def has_tiv(self) -> bool:
        """Whether both cohorts carry head size."""
        return self.reference.sample.tiv is not None

    @property
    def outcome_names(self) -> tuple[str, ...]:
        """Names of the outcome columns."""
        return (*self.structures, *(("TIV",) if self.has_tiv else ()))

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures of image quality, (k,)."""
        return tuple(self.reference.sample.quality.columns)

    @property
    def headsize(self) -> HeadSize:
        """Head-size convention of the headlines; `none` where head size is unknown."""
        return self.settings.headsize if self.has_tiv else "none"

    @property
    def conventions(self) -> tuple[HeadSize, ...]:
        """Head-size conventions that these cohorts allow."""
        return ("none", "share", "pooled_residual", "covariate") if self.has_tiv else ("none",)

    def names(self, headsize: HeadSize) -> tuple[str, ...]:
        """Outcomes that have a meaning under a convention: head size itself only in raw volumes."""
        return self.outcome_names if headsize == "none" else self.structures

    @cached_property
    def shared_ages(self) -> tuple[float, float]:
        """Lowest and highest age that both cohorts cover, with a little beyond, years."""
        tolerance = self.settings.rules.age_tolerance_years
        return shared_ages(self.reference.sample, self.generated.sample, tolerance)

    @cached_property
    def split_size(self) -> int:
        """Subjects per half in split-half splits."""
        return min(len(self.reference.clusters) // 2, len(self.generated.clusters))

    def model(self, *, tiv: bool) -> list[int]:
        """Return the design columns that age and sex, and if asked head size, take."""
        return [i for i, name in enumerate(self.columns) if tiv or name != "tiv"]


def build_frame(samples: Samples, settings: Settings) -> Frame:
    """Put two cohorts of the same structures on the reference's scale, within its sites where so set."""
    inputs, samples = samples, within_sites(samples, settings.site)
    both = samples.reference, samples.generated
    y = [_outcomes(sample) for sample in both]
    center, scale = y[0].mean(axis=0), y[0].std(axis=0, ddof=1)
    covariates = Covariates.of(samples.reference)
    designs = [covariates(sample) for sample in both]
    keep = identified(*designs)
    columns = tuple(name for name, ok in zip(covariates.names, keep, strict=True) if ok)
    x = [design[:, keep] for design in designs]
    outcomes = [(values - center) / scale for values in y]
    shares = _shares(*both)
    features = _deviations(x, outcomes, columns)
    quality = _scaled_quality(*both)
    quality_deviations = _deviations(x, quality, columns)
    s = len(samples.reference.structures)
    regions = _deviations(
        x, [r if r is not None else v[:, :s] for r, v in zip(shares, outcomes, strict=True)], columns
    )
    ages = shared_ages(*both, settings.rules.age_tolerance_years)
    rows = [_pairwise_rows(sample, settings, ages) for sample in both]
    clouds = deviating_clouds(x, [s.features for s in both], rows, columns)
    arrays = [
        CohortArrays(
            sample=both[i],
            design=x[i],
            outcomes=outcomes[i],
            shares=shares[i],
            features=features[i],
            regions=average_sides(regions[i], samples.reference.structures),
            residuals=_own_residuals(x[i], outcomes[i][:, :s]),
            pairwise_rows=rows[i],
            clouds=clouds[i],
            quality=quality[i],
            quality_deviations=quality_deviations[i],
        )
        for i in range(2)
    ]
    age_range = common_ages(*both)
    trend = dict(zip(AGE_COLUMNS, trend_weights(covariates.age_columns(age_range)), strict=True))
    return Frame(
        settings=settings, structures=samples.reference.structures, columns=columns,
        reference=arrays[0], generated=arrays[1], center=center, scale=scale, excluded=samples.excluded,
        common_ages=age_range, trend=np.array([trend.get(name, 0.0) for name in columns]),
        training=samples.training, missing=samples.missing, samples=inputs,
    )  # fmt: skip


def _outcomes(sample: Sample) -> np.ndarray:
    return sample.volumes if sample.tiv is None else np.column_stack([sample.volumes, sample.tiv])


def _shares(reference: Sample, generated: Sample) -> tuple[np.ndarray | None, np.ndarray | None]:
    if reference.tiv is None or generated.tiv is None:
        return None, None
    raw = reference.volumes / reference.tiv[:, None], generated.volumes / generated.tiv[:, None]
    center, scale = raw[0].mean(axis=0), raw[0].std(axis=0, ddof=1)
    return (raw[0] - center) / scale, (raw[1] - center) / scale


def _scaled_quality(reference: Sample, generated: Sample) -> list[np.ndarray]:
    values = [sample.quality.to_numpy(dtype=float) for sample in (reference, generated)]
    center, scale = values[0].mean(axis=0), values[0].std(axis=0, ddof=1)
    return [(v - center) / np.where(scale > 0, scale, 1.0) for v in values]


def _deviations(
    designs: list[np.ndarray], outcomes: list[np.ndarray], columns: tuple[str, ...]
) -> list[np.ndarray]:
    """Remove what age and sex predict in the reference, in standard deviations of real subjects of that age.

    A reference subject is predicted without that subject (leave one out). Otherwise the reference would lie
    closer to its own fit than any new subject can, and a perfect generator would look too spread out.
    """
    model = [i for i, name in enumerate(columns) if name != "tiv"]
    x = [design[:, model] for design in designs]
    regression = fit(moments(x[0], outcomes[0], ones(len(x[0]))))
    sd = np.sqrt(regression.variance[0])
    sd = np.where(sd > 0, sd, 1.0)
    left_out = 1 - np.minimum(leverage(x[0], regression.inverse[0]), LARGEST_LEVERAGE)
    deviations = [(y - d @ regression.beta[0]) / sd for d, y in zip(x, outcomes, strict=True)]
    deviations[0] = deviations[0] / left_out[:, None]
    if "age" not in columns:
        return deviations
    ages = [design[:, columns.index("age")] for design in designs]
    return [d / s for d, s in zip(deviations, _relative_spread(ages, deviations[0]), strict=True)]


def _relative_spread(ages: list[np.ndarray], deviations: np.ndarray) -> list[np.ndarray]:
    """Return how far subjects of an age scatter in the reference, relative to all, (n, s) for each cohort.

    Ventricles of the old differ several times as much as those of the young; without this a cohort of
    another age mix would look too spread out, or not enough. A straight line in age through the absolute
    deviations, its slope shrunk (James-Stein) by its own uncertainty so that chance does not bend the scale
    of small references.
    """
    center, size = ages[0].mean(), np.abs(deviations)
    age, mean = ages[0] - center, size.mean(axis=0)
    total = float(age @ age)
    slope = age @ size / total
    rest = ((size - mean - age[:, None] * slope) ** 2).sum(axis=0) / max(len(age) - 2, 1)
    noise = np.where(slope != 0, rest / total / np.where(slope != 0, slope, 1.0) ** 2, 1.0)
    steepness = slope * np.maximum(1 - SHRINKAGE * noise, 0.0) / np.where(mean > 0, mean, 1.0)
    return [np.clip(1 + (a - center)[:, None] * steepness, *SPREAD_LIMITS) for a in ages]


def leverage(design: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Return the weight that every row has in its own prediction, (n,)."""
    return np.einsum("np,pq,nq->n", design, inverse, design)


def _own_residuals(design: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    regression = fit(moments(design, outcomes, ones(len(design))))
    sd = np.sqrt(regression.variance[0])
    return ((outcomes - design @ regression.beta[0]) / np.where(sd > 0, sd, 1.0)).astype(np.float32)


def shared_ages(reference: Sample, generated: Sample, tolerance_years: float) -> tuple[float, float]:
    """Return the ages that both cohorts cover, years, with a little beyond on either side.

    Empty (low above high) when they share none.
    """
    low = max(reference.age.min(), generated.age.min()) - tolerance_years
    high = min(reference.age.max(), generated.age.max()) + tolerance_years
    return float(low), float(high)


def _pairwise_rows(sample: Sample, settings: Settings, ages: tuple[float, float]) -> np.ndarray:
    """Rows of ages that both cohorts cover; all rows where hardly any are, for nothing is judged then."""
    rng = sample.clusters.rng(settings.seed, "pairwise rows")
    within = (sample.age >= ages[0]) & (sample.age <= ages[1])
    if within.all() or within.sum() < settings.rules.min_shared_rows:
        return sample.some_rows(settings.max_pairwise, rng)
    rows = sample.order[within[sample.order]]
    return np.sort(rows[rng.permutation(len(rows))[: settings.max_pairwise]])
