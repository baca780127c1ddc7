"""A run whose errors of cortical parcels are proportional to their fractal dimension."""

import numpy as np
import pandas as pd

from plausibrain.analysis.complexity import complexity_table
from plausibrain.cohorts.schemas import RESULTS
from plausibrain.cohorts.structures import names
from plausibrain.cohorts.typical_geometry import typical_geometry
from plausibrain.reports.run_folder import Run

PARCELS = names("dk")


def results_with(errors: np.ndarray) -> pd.DataFrame:
    """Rows of results with one difference per parcel."""
    rows = pd.DataFrame({"structure": list(PARCELS), "estimate": errors}).assign(
        question=2, analysis="size", quantity="adjusted_d", stratum="all", headsize="covariate",
        cohort="difference", unit="SD", status="ok",
    )  # fmt: skip
    return rows.reindex(columns=[column.name for column in RESULTS.columns])


def run_with_complexity(run: Run) -> Run:
    """The run, with parcels and what is made of them, in memory."""
    geometry = typical_geometry()
    errors = geometry.set_index("structure").fractal_dimension.reindex(PARCELS).to_numpy() - 1
    results = results_with(errors * np.where(np.arange(len(errors)) % 2, 1, -1))
    results = pd.concat([run.table("results"), results], ignore_index=True)
    tables = {
        "results": results, "geometry": geometry,
        "complexity": complexity_table(results, geometry, headsize="covariate"),
    }  # fmt: skip
    return Run(run.path, run.record, run.scorecard, tables)
