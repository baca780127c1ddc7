"""What the plug-ins behind a run say of themselves, kept in ``run.json`` so that a page needs no plug-in."""

from typing import Any

import pandas as pd

from plausibrain.analysis.quantities import Quantity, all_quantities
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.volume_tables import METHODS


def described_quantities(results: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return label and methods sentence of every quantity in a results table, by name.

    Parameters
    ----------
    results : DataFrame
        With a column ``quantity``.
    """
    present = set(results["quantity"].dropna())
    quantities = all_quantities()
    others = present - set(quantities)
    quantities |= _similarities(others) if others else {}
    return {
        name: {"label": quantity.label, "methods": quantity.methods}
        for name, quantity in sorted(quantities.items())
        if name in present
    }


def _similarities(names: set[str]) -> dict[str, Quantity]:
    from plausibrain.evaluation.diversity.pair_table import all_similarities  # imports torch

    return {p.name: Quantity(p.label, p.methods) for p in all_similarities() if p.name in names}


def described_segmenters(*cohorts: Cohort) -> dict[str, str]:
    """Return the methods sentence of the segmenter of every cohort, by name; unknown ones are left out."""
    names = {cohort.segmenter for cohort in cohorts}
    own = dict[str, Any](METHODS)
    if names - set(own) - {"unknown", "truth"}:
        from plausibrain.evaluation.segment_files import segmenters  # imports torch

        own |= {plugin.name: plugin.methods for plugin in segmenters() if plugin.methods}
    return {name: own[name] for name in sorted(names) if name in own}
