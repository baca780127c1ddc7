"""What an analysis may be told: every number that changes a verdict stands here."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from plausibrain.analysis.weights import MOST_UNITS

HeadSize = Literal["none", "share", "pooled_residual", "covariate"]
SiteModel = Literal["none", "factor", "random"]


#: Measurement noise of a structure, in standard deviations between subjects.
NoiseSize = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]


class Rules(BaseModel):
    """Conditions under which a metric is measured or judged at all; part of `Settings`.

    Attributes
    ----------
    min_each_sex : int
        Fewest men and fewest women of each cohort for sex differences.
    min_age_spread_years, min_common_years : float
        Smallest standard deviation of age in each cohort, and smallest range of ages in common, for ageing.
    min_own_variation : float
        Smallest share of a request's variance that age, sex and the other requests do not fix.
    min_vectors : int
        Fewest images with features in each cohort.
    min_training : int
        Fewest reference subjects for models that predict age and sex.
    min_useful_reference, min_useful_generated : int
        Fewest subjects of each cohort for usefulness: halves of the reference must have subjects to train on
        and subjects to test.
    min_each_group : int
        Fewest patients and fewest controls of an independent cohort.
    min_held_out : int
        Fewest reference subjects who were not trained on, for copies: with fewer there is no share of 5 %.
    same_age_years : float
        Somebody of the same id and sex whose age differs by no more is the same subject.
    least_present, max_missing : float
        Smallest share of a row's volumes for the row to be used; largest share of rows in which a structure
        or a measure may be missing for it to be used.
    lacking_share, lacking_chance : float
        A structure is lacking when it is empty or zero in this much more of the generated rows, and when
        chance would do so no more often than this in a whole analysis.
    age_tolerance_years : float
        How far beyond the common range an age still counts as shared.
    min_shared_rows : int
        Fewest rows of shared ages for distances over these rows alone.
    max_extrapolated : float
        Largest share of generated subjects of ages that the reference does not have.
    min_repeats : int
        Images per combination of requests from which on the requests are a grid and no population.
    one_factor_share : float
        Share of images with at most one request off its most frequent value that makes a one-factor design.
    flat_age_r, clear_age_r : float
        Requests do not follow age when they correlate less than the first in size while measured reference
        volumes correlate more than the second.
    flat_sex_gap, clear_sex_gap : float
        The same for the difference between men and women, in standard deviations.
    swapped_errors : float
        Standard errors by which men must have the smaller heads for the coding of sex to be questioned.
    min_per_piece : int
        Fewest subjects per piece of the curve of measured on requested volume.
    subjects_per_column : int
        Fewest subjects in each half of the reference per column of the model.
    max_units : int
        Most units of resampling in a cohort; of a cohort with more subjects, so many random groups of
        subjects are resampled.
    complexity_margin : float
        Largest rank correlation over cortical parcels of an error with complexity that still counts as none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_each_sex: int = Field(5, ge=2)
    min_age_spread_years: float = Field(2.0, gt=0)
    min_common_years: float = Field(10.0, gt=0)
    min_own_variation: float = Field(0.02, gt=0, lt=1)
    min_vectors: int = Field(20, ge=4)
    min_training: int = Field(20, ge=10)
    min_useful_reference: int = Field(100, ge=100)
    min_useful_generated: int = Field(50, ge=20)
    min_each_group: int = Field(10, ge=4)
    min_held_out: int = Field(19, ge=19)
    same_age_years: float = Field(10.0, ge=0)
    least_present: float = Field(0.5, gt=0, le=1)
    max_missing: float = Field(0.1, ge=0, lt=1)
    lacking_share: float = Field(0.05, ge=0, lt=1)
    lacking_chance: float = Field(0.001, gt=0, lt=1)
    age_tolerance_years: float = Field(2.0, ge=0)
    min_shared_rows: int = Field(20, ge=4)
    max_extrapolated: float = Field(0.5, ge=0, le=1)
    min_repeats: int = Field(5, ge=2)
    one_factor_share: float = Field(0.95, gt=0, le=1)
    flat_age_r: float = Field(0.1, ge=0, lt=1)
    clear_age_r: float = Field(0.3, ge=0, lt=1)
    flat_sex_gap: float = Field(0.1, ge=0)
    clear_sex_gap: float = Field(0.3, ge=0)
    swapped_errors: float = Field(3.0, gt=0)
    min_per_piece: int = Field(10, ge=3)
    subjects_per_column: int = Field(3, ge=1)
    max_units: int = Field(MOST_UNITS, ge=100)
    complexity_margin: float = Field(0.5, gt=0, lt=1)


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
    utility_margin : float
        Largest share by which the error of a model may grow when it is trained with generated instead of as
        many real subjects.
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
    site : {"none", "factor", "random"}
        Whether volumes are compared within the sites of the reference, and how sites are modelled
        (`plausibrain.analysis.sites`); the other ways stand beside it in the tables.
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
    rules : Rules
        Conditions under which a metric is measured or judged at all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    margin: float = Field(0.2, gt=0, le=2)
    noise: Mapping[str, NoiseSize] = Field(default_factory=dict)
    spread_margin: float = Field(1.25, gt=1, le=100)
    recovery_margin: float = Field(1.33, gt=1, le=100)
    share_margin: float = Field(0.1, gt=0, lt=1)
    quality_margin: float = Field(0.5, gt=0, le=3)
    conditioning_margin: float = Field(0.2, gt=0, lt=1)
    exclusion_margin: float = Field(0.05, gt=0, lt=1)
    similarity_margin: float = Field(0.02, gt=0, lt=1)
    copies_margin: float = Field(2.0, ge=1, le=1000)
    missing_margin: float = Field(0.5, gt=0, lt=1)
    identical_margin: float = Field(0.01, gt=0, lt=1)
    utility_margin: float = Field(0.1, gt=0, lt=1)
    alpha: float = Field(0.05, gt=0, lt=0.5)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    n_resamples: int = Field(2000, ge=100, le=100_000)
    n_splits: int = Field(200, ge=20, le=10_000)
    headsize: HeadSize = "covariate"
    site: SiteModel = "none"
    min_subjects: int = Field(10, ge=4)
    min_stratum: int = Field(15, ge=4)
    max_pairwise: int = Field(2000, ge=50, le=100_000)
    wasabi_n: int = Field(500, ge=10, le=1_000_000)
    wasabi_repeats: int = Field(100, ge=10, le=10_000)
    seed: int = Field(0, ge=0, lt=2**53)
    rules: Rules = Field(default_factory=Rules)

    def margin_of(self, structure: str) -> float:
        """Return the equivalence margin of one structure, in standard deviations."""
        return max(self.margin, self.noise.get(structure, 0.0))
