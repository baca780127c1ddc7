"""What a reader calls the quantities of ``results.tsv``, and what the head-size conventions mean."""

from collections.abc import Mapping
from types import MappingProxyType

QUANTITIES: Mapping[str, str] = MappingProxyType(
    {
        "excluded": "Excluded",
        "qc_reliable": "All quality scores reliable",
        "adjusted_d": "Adjusted difference",
        "hedges_g": "Hedges’ g, raw",
        "cohens_d": "Cohen’s d, published formula, per hemisphere",
        "cohens_d_share_small": "Structures with |d| < 0.2, published formula, per hemisphere",
        "cohens_d_mean": "Mean |d|, published formula, per hemisphere",
        "cohens_d_bilateral": "Cohen’s d as published, both sides averaged",
        "cohens_d_bilateral_share_small": "Regions with |d| < 0.2 as published, both sides averaged",
        "cohens_d_bilateral_mean": "Mean |d| as published, both sides averaged",
        "sd_ratio": "Ratio of standard deviations",
        "share_in_tails": "Subjects outside the central 95 % of the reference",
        "asymmetry_index": "Left–right asymmetry index",
        "allometric_slope": "Slope of log volume on log head size",
        "age_r": "Correlation with age, raw",
        "age_slope": "Change with age",
        "age_beta": "Change with age, standardised",
        "age_deming_slope": "Age effects, Deming slope",
        "age_concordance": "Age effects, concordance",
        "age_sign_agreement": "Age effects of equal sign",
        "group_by_age": "Difference of age effects (cohort by age)",
        "group_by_sex": "Difference of sex differences (cohort by sex)",
        "sex_d": "Sex difference, raw (men minus women)",
        "sex_d_adjusted": "Sex difference, adjusted for age (men minus women)",
        "sex_deming_slope": "Sex differences, Deming slope",
        "sex_concordance": "Sex differences, concordance",
        "sex_sign_agreement": "Sex differences of equal sign",
        "ventricle_volume_r": "Ventricle volume, correlation with the request",
        "brain_volume_r": "Brain volume, correlation with the request",
        "quality_d": "Difference of image quality",
        "quality_sd_ratio": "Spread of image quality, ratio of standard deviations",
        "quality_mean": "Mean of each quality measure, in its own unit",
        "wasabi_published": "WASABI, exactly as published",
        "wasabi_plain": "WASABI, disjoint subsamples without rescaling",
        "ms_ssim": "MS-SSIM of two images",
        "four_component_gradient": "4-G-R-SSIM of two images",
        "frechet": "Fréchet distance of features",
        "frechet_shrunk": "Fréchet distance, shrunk covariances",
        "kid": "Kernel distance of features (KID)",
        "mmd": "Maximum mean discrepancy, Gaussian kernel",
        "energy_of_features": "Energy distance of features",
        "sliced_wasserstein": "Sliced Wasserstein distance of features",
        "wasserstein": "Squared Wasserstein distance of features",
        "classifier_of_features": "Classifier on features, real or generated",
        "vendi": "Vendi score, generated over real",
        "near_duplicates": "Generated images with a near-duplicate",
        "copies": "Copies of training subjects",
        "copies_published": "Copies of training subjects, published rule",
        "training_copied": "Training subjects who were copied",
    }
)
HEADSIZES: Mapping[str, str] = MappingProxyType(
    {
        "none": "no correction for head size",
        "share": "volume as share of head size",
        "pooled_residual": "residual of one regression on head size over both cohorts",
        "covariate": "head size as covariate",
    }
)
SHORT_HEADSIZES: Mapping[str, str] = MappingProxyType(
    {
        "none": "Uncorrected",
        "share": "Share of head size",
        "pooled_residual": "Pooled residual",
        "covariate": "Covariate",
    }
)


def quantity_label(name: str) -> str:
    """Name a quantity as a reader would; an unknown one by its own name with spaces.

    Examples
    --------
    >>> quantity_label("sd_ratio"), quantity_label("cortical_thickness")
    ('Ratio of standard deviations', 'Cortical thickness')
    """
    return QUANTITIES.get(name) or name.replace("_", " ").capitalize()


def headsize_label(name: str) -> str:
    """Describe a head-size convention in words; empty when none is named."""
    return HEADSIZES.get(name, name)
