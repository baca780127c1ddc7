"""What a reader calls the quantities of ``results.tsv``, and what the head-size conventions mean.

Labels come with the run: each plug-in names what it estimates, and ``run.json`` keeps it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from plausibrain.reports.run_folder import Run

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


def quantity_label(run: Run, name: str) -> str:
    """Name a quantity as the run describes it; one that it does not describe by its own name with spaces."""
    descriptions = run.record.get("quantities") or {}
    return str((descriptions.get(name) or {}).get("label") or name.replace("_", " ").capitalize())


def headsize_label(name: str) -> str:
    """Describe a head-size convention in words; empty when none is named."""
    return HEADSIZES.get(name, name)
