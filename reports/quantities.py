"""What a reader calls the quantities of ``results.tsv``, and what the head-size conventions mean."""

from collections.abc import Mapping
from types import MappingProxyType

QUANTITIES: Mapping[str, str] = MappingProxyType(
    {
        "adjusted_d": "Adjusted difference",
        "hedges_g": "Hedges’ g, raw",
        "cohens_d": "Cohen’s d as published (reference minus generated)",
        "sd_ratio": "Ratio of standard deviations",
        "share_in_tails": "Share of people outside the central 95 % of the reference",
        "asymmetry_index": "Left–right asymmetry index",
        "allometric_slope": "Slope of log volume on log head size",
        "age_r": "Correlation with age, raw",
        "age_slope": "Change with age",
        "age_beta": "Change with age, standardised",
        "sex_d": "Sex difference, raw (men minus women)",
        "sex_d_adjusted": "Sex difference, adjusted for age (men minus women)",
        "exclusion_rate": "Excluded",
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
