"""Two weighted cohorts, and the quantities that headlines and tables are made of.

A `Pair` holds weights for B replicates. Everything here is an array whose first axis runs over
replicates, so one function serves the estimate, the bootstrap and the split-half null.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from plausibrain.analysis.effect_sizes import cohens_d, pooled_slope
from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.regression import (
    Fit,
    GroupedProducts,
    Moments,
    fit,
    group_sums,
    moments,
    with_group,
)
from plausibrain.analysis.settings import HeadSize
from plausibrain.analysis.weights import bootstrap_weights, ones, split_weights, subset_weights, weighted_sums

Kind = Literal["full", "bootstrap", "halves", "null", "matched", "injected"]
Role = Literal["reference", "generated"]
ROLES: tuple[Role, Role] = ("reference", "generated")
Rows = np.ndarray | slice
ALL = slice(None)
#: Replicates from which on rows are added up within units of resampling before they are weighted.
MANY_REPLICATES = 10


@dataclass(frozen=True)
class Weighted:
    """One cohort with weights.

    Attributes
    ----------
    arrays : CohortArrays
    weights : ndarray, (B, n)
        The same for all rows of one unit of resampling.
    """

    arrays: CohortArrays
    weights: np.ndarray

    @cached_property
    def moments(self) -> Moments:
        """Sums of products of the whole design and the volumes."""
        return self._moments_of("outcomes", self.arrays.outcomes)

    @cached_property
    def share_moments(self) -> Moments:
        """The same for volumes over head size."""
        if self.arrays.shares is None:
            raise ValueError("shares need head size; check Frame.has_tiv first")
        return self._moments_of("shares", self.arrays.shares)

    @cached_property
    def quality_moments(self) -> Moments:
        """The same for measures of image quality."""
        return self._moments_of("quality", self.arrays.quality)

    def _moments_of(self, name: str, outcomes: np.ndarray) -> Moments:
        """Return moments of the whole design; of a large cohort, products of rows are taken once for all."""
        clusters, design = self.arrays.clusters, self.arrays.design
        if not clusters.is_grouped:
            return moments(design, outcomes, self.weights)
        cache = self.arrays.products
        if name not in cache:
            cache[name] = GroupedProducts.of(design, outcomes, clusters.unit_of, clusters.n_units)
        return cache[name].moments(self._unit_weights)

    def moments_of(self, design: np.ndarray, outcomes: np.ndarray, rows: Rows = ALL) -> Moments:
        """Return the weighted moments of other columns, of all rows or of some.

        Parameters
        ----------
        design, outcomes : ndarray, (m, p) and (m, s)
            Of these rows.
        rows : ndarray of int or slice
        """
        if not self._by_unit(len(outcomes)):
            return moments(design, outcomes, self.weights[:, rows])
        clusters = self.arrays.clusters
        products = GroupedProducts.of(design, outcomes, clusters.unit_of[rows], clusters.n_units)
        return products.moments(self._unit_weights)

    def sums(self, values: np.ndarray, rows: Rows = ALL) -> np.ndarray:
        """Return the weighted sums of columns (m, k) of all rows or of some, (B, k)."""
        if not self._by_unit(len(values)):
            return weighted_sums(self.weights[:, rows], values)
        clusters = self.arrays.clusters
        return weighted_sums(self._unit_weights, group_sums(values, clusters.unit_of[rows], clusters.n_units))

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the weighted means of columns (n, k), (B, k)."""
        return self.sums(values) / self.total[:, None]

    def replicate(self, number: int) -> "Weighted":
        """Return the cohort with the weights of one replicate."""
        return Weighted(self.arrays, self.weights[number : number + 1])

    @property
    def present(self) -> np.ndarray:
        """Rows that have weight in the first replicate, ascending."""
        return np.flatnonzero(self.weights[0])

    @cached_property
    def total(self) -> np.ndarray:
        """Sum of the weights, (B,)."""
        return self.weights.sum(axis=1, dtype=float)

    def _by_unit(self, n_rows: int) -> bool:
        """Whether it is quicker to add up rows within units first: for many replicates of many rows."""
        clusters = self.arrays.clusters
        return clusters.is_grouped and 2 * clusters.n_units <= n_rows and len(self.weights) >= MANY_REPLICATES

    @cached_property
    def _unit_weights(self) -> np.ndarray:
        """Weights of the units, (B, g)."""
        _, first = np.unique(self.arrays.clusters.unit_of, return_index=True)
        return self.weights[:, first]


@dataclass(frozen=True)
class Pair:
    """Two weighted cohorts on one frame.

    Attributes
    ----------
    frame : Frame
    reference, generated : Weighted
        In a null pair both are groups of the reference.
    kind : str
        What the weights are: `full` (ones), `bootstrap`, or 0/1 memberships: `halves` (of both cohorts),
        `null`, `matched`, `injected`.
    full : Pair or None
        For a bootstrap, the pair of the estimate; statistics that cannot be refitted
        2,000 times resample what was computed there.
    """

    frame: Frame
    reference: Weighted
    generated: Weighted
    kind: Kind
    full: "Pair | None" = None
    cache: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)

    def side(self, role: Role) -> Weighted:
        """Return one of the two cohorts."""
        return self.reference if role == "reference" else self.generated

    @property
    def n_replicates(self) -> int:
        """Number of replicates B."""
        return len(self.reference.weights)

    def first(self, most: int) -> "Pair":
        """Return the pair of the first `most` replicates."""
        if self.n_replicates <= most:
            return self
        key = ("first", most)
        if key not in self.cache:
            first, second = (Weighted(w.arrays, w.weights[:most]) for w in (self.reference, self.generated))
            self.cache[key] = Pair(self.frame, first, second, self.kind, self.full)
        part: Pair = self.cache[key]
        return part

    @property
    def noise_copies(self) -> float:
        """How often the noise of the reference is in its own effects: a bootstrap adds it once more."""
        return 2.0 if self.kind == "bootstrap" else 1.0

    # --- one cohort at a time ---

    def within(self, role: Role, headsize: HeadSize) -> Fit:
        """Fit every structure within one cohort on age and sex under a head-size convention."""
        return fit(self.convention(role, headsize))

    def convention(self, role: Role, headsize: HeadSize) -> Moments:
        """Return the moments of one cohort for the model and outcomes of a head-size convention."""
        side, columns = self.side(role), self.frame.model(tiv=headsize == "covariate")
        if headsize == "share":
            return side.share_moments.select(columns)
        if headsize == "pooled_residual":
            at = self.frame.columns.index("tiv")
            return side.moments.without_linear(self.pooled_headsize_slope, column=at).select(columns)
        return side.moments.select(columns)

    def residual_sd(self, role: Role, headsize: HeadSize) -> np.ndarray:
        """Return the standard deviation of comparable subjects (same age, sex and head size), (B, s)."""
        key = ("sd", role, headsize)
        if key not in self.cache:
            self.cache[key] = np.sqrt(self.within(role, headsize).variance)
        return self.cache[key]

    def effect(
        self, role: Role, name: Literal["age", "sex"], headsize: HeadSize
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return an age or sex effect of every structure and its squared standard error.

        The age effect is the linear trend per decade of the fitted curve over the ages that both cohorts
        cover; the sex effect is men minus women. Both in reference standard deviations.

        Returns
        -------
        tuple of ndarray, (B, s)
        """
        frame = self.frame
        contrast = frame.trend if name == "age" else np.array([float(c == "sex") for c in frame.columns])
        return self.within(role, headsize).contrast(contrast[frame.model(tiv=headsize == "covariate")])

    def means(self, role: Role) -> np.ndarray:
        """Return mean volumes on the frame's scale, (B, s)."""
        m = self.side(role).moments
        return m.xy[:, 0] / m.n[:, None]

    def variances(self, role: Role) -> np.ndarray:
        """Return variances with n in the denominator on the frame's scale, (B, s)."""
        m = self.side(role).moments
        return np.maximum(m.yy / m.n[:, None] - self.means(role) ** 2, 0.0)

    # --- differences ---

    def difference(self, headsize: HeadSize) -> np.ndarray:
        """Return generated minus reference, adjusted for age and sex, in SDs of like reference subjects.

        `covariate` also adjusts for head size (and leaves head size itself out); `share` compares volumes
        over head size; `pooled_residual` is the published convention of `published_difference` with
        residuals.

        Returns
        -------
        ndarray, (B, s)
        """
        if headsize == "pooled_residual":
            return self.published_difference(residual=True)
        reference, generated = (self.convention(role, headsize) for role in ROLES)
        beta = fit(with_group(reference, generated)).beta[:, -1]
        sd = self.residual_sd("reference", headsize)
        with np.errstate(divide="ignore", invalid="ignore"):
            return beta / sd

    def published_difference(self, *, residual: bool) -> np.ndarray:
        """Return Cohen's d as published for brain generators, unadjusted for age and sex.

        Per hemisphere; `plausibrain.analysis.published_size` has both sides together, as published. With
        `residual`, head size is first regressed out with one slope pooled over both cohorts.
        """
        at = self.frame.columns.index("tiv") if residual else None
        return cohens_d(self.reference.moments, self.generated.moments, headsize=at)

    @property
    def pooled_headsize_slope(self) -> np.ndarray:
        """Slope of every volume on head size, one for both cohorts, nothing else adjusted, (B, s)."""
        at = self.frame.columns.index("tiv")
        return pooled_slope(self.reference.moments, self.generated.moments, column=at)


def full_pair(frame: Frame) -> Pair:
    """Return the pair of the estimate: every row once."""
    return Pair(
        frame,
        Weighted(frame.reference, ones(len(frame.reference.sample))),
        Weighted(frame.generated, ones(len(frame.generated.sample))),
        "full",
    )


def bootstrap_pair(frame: Frame, full: Pair) -> Pair:
    """Return bootstrap replicates; subjects are drawn with replacement within each cohort."""
    s = frame.settings
    sides = []
    for role, arrays in zip(ROLES, (frame.reference, frame.generated), strict=True):
        rng = arrays.clusters.rng(s.seed, f"bootstrap {role}")
        sides.append(Weighted(arrays, bootstrap_weights(arrays.clusters, s.n_resamples, rng)))
    return Pair(frame, sides[0], sides[1], "bootstrap", full)


def half_pair(frame: Frame) -> Pair:
    """Return random halves of the subjects of both cohorts.

    A statistic of half-samples varies as the statistic of the whole does from sample to sample (delete-d
    jackknife with d = n / 2), also where a bootstrap fails because it draws subjects twice.

    References
    ----------
    Shao & Wu 1989, section 3 (key Shao1989).
    """
    s = frame.settings
    sides = []
    for role, arrays in zip(ROLES, (frame.reference, frame.generated), strict=True):
        clusters = arrays.clusters
        rng = clusters.rng(s.seed, f"halves {role}")
        sides.append(Weighted(arrays, subset_weights(clusters, len(clusters) // 2, s.n_splits, rng)))
    return Pair(frame, sides[0], sides[1], "halves")


def split_pairs(frame: Frame) -> tuple[Pair, Pair, Pair]:
    """Return split-half reference, real against generated, and split-half reference shifted by the margin.

    All three use groups of `frame.split_size` subjects; the first group is the same in all of them, so their
    differences are paired. The third measures the distance that a difference of exactly the margin would
    make.

    Returns
    -------
    tuple of Pair
        `null`, `matched`, `injected`.
    """
    s, m = frame.settings, frame.split_size
    clusters = frame.reference.clusters
    rng = clusters.rng(s.seed, "splits")
    first, second = split_weights(clusters, m, s.n_splits, rng)
    rng = frame.generated.clusters.rng(s.seed, "matched")
    third = subset_weights(frame.generated.clusters, m, s.n_splits, rng)
    one = Weighted(frame.reference, first)
    other = Weighted(frame.reference, second)
    shifted_reference = Weighted(frame.reference.shifted(s.margin), second)
    return (
        Pair(frame, one, other, "null"),
        Pair(frame, one, Weighted(frame.generated, third), "matched"),
        Pair(frame, one, shifted_reference, "injected"),
    )
