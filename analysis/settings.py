"""What an analysis may be told: every number that changes a verdict stands here."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

HeadSize = Literal["none", "share", "pooled_residual", "covariate"]


class Settings(BaseModel):
    """Settings of one analysis; part of the protocol fingerprint.

    Attributes
    ----------
    margin : float
        Largest difference that still counts as the same, in standard deviations of comparable real subjects.
    noise : mapping of structure to float
        Measurement noise per structure, same unit; the margin of a structure is the larger of the two.
    spread_margin : float
        Largest ratio of standard deviations that still counts as the same (and its inverse).
    recovery_margin : float
        Largest factor by which an effect map (ageing, sex, covariance) may be scaled (and its inverse).
    share_margin : float
        Largest loss against split-half of a share of structures or subjects.
    quality_margin : float
        Largest difference of image quality that still counts as the same, in standard deviations of real
        images; at 0.5 a typical image ranks 69th of 100 real ones instead of 50th.
    conditioning_margin : float
        Largest departure from 1 of the slope of measured on requested volume.
    exclusion_margin : float
        Largest excess share of excluded rows.
    similarity_margin : float
        Largest excess of MS-SSIM among generated pairs; the published LDM sampled in 50 steps is 0.017 more
        alike than real images (Pinaya et al. 2022, table 1), and was taken for as diverse.
    copies_margin : float
        Largest share of generated images taken for copies, as a multiple of the share of new subjects.
    missing_margin : float
        Largest number of structures that the reference has and the generated cohort lacks.
    identical_margin : float
        Largest share of generated rows that are rows of the reference to the last digit; tables of real
        subjects hold single double entries.
    alpha : float
        Chance of a false *fail* in the whole scorecard, and of a false *pass* per headline.
    confidence : float
        Level of the intervals that are shown.
    n_resamples : int
        Bootstrap resamples of subjects.
    n_splits : int
        Disjoint halves of the reference behind every split-half number.
    headsize : {"none", "share", "pooled_residual", "covariate"}
        Head-size convention of the headlines; the others stand beside it in the tables.
    min_subjects : int
        Fewest subjects per cohort for which anything is estimated.
    min_stratum : int
        Fewest subjects per cohort for which a stratum gets a row.
    max_pairwise : int
        Most subjects per cohort in statistics over pairs; larger cohorts are subsampled by seed.
    wasabi_n, wasabi_repeats : int
        Sample size and repeats of the published WASABI procedure.
    seed : int
        Seed of every random step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    margin: float = Field(0.2, gt=0, le=2)
    noise: Mapping[str, float] = Field(default_factory=dict)
    spread_margin: float = Field(1.25, gt=1)
    recovery_margin: float = Field(1.33, gt=1)
    share_margin: float = Field(0.1, gt=0, lt=1)
    quality_margin: float = Field(0.5, gt=0, le=3)
    conditioning_margin: float = Field(0.2, gt=0, lt=1)
    exclusion_margin: float = Field(0.05, gt=0, lt=1)
    similarity_margin: float = Field(0.02, gt=0, lt=1)
    copies_margin: float = Field(2.0, ge=1)
    missing_margin: float = Field(0.5, gt=0, lt=1)
    identical_margin: float = Field(0.01, gt=0, lt=1)
    alpha: float = Field(0.05, gt=0, lt=0.5)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    n_resamples: int = Field(2000, ge=100)
    n_splits: int = Field(200, ge=20)
    headsize: HeadSize = "covariate"
    min_subjects: int = Field(10, ge=4)
    min_stratum: int = Field(15, ge=4)
    max_pairwise: int = Field(2000, ge=50)
    wasabi_n: int = Field(500, ge=10)
    wasabi_repeats: int = Field(100, ge=10)
    seed: int = 0

    def margin_of(self, structure: str) -> float:
        """Return the equivalence margin of one structure, in standard deviations."""
        return max(self.margin, self.noise.get(structure, 0.0))
