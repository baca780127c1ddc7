"""Question 2 by age decade and sex: pooled equality can hide a subgroup that fails."""

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.joint_design import CohortArrays
from plausibrain.analysis.quantities import ESTIMATES
from plausibrain.analysis.results import estimate_rows
from plausibrain.analysis.strata import Strata, shared_strata


@ESTIMATES.register(label="Differences by age decade and sex", unit="SD")
def size_by_stratum(pairs: Pairs) -> pd.DataFrame:
    """Return the adjusted difference of every structure in every stratum with enough subjects."""
    frame = pairs.full.frame
    s = len(frame.structures)
    margin = np.array([frame.settings.margin_of(name) for name in frame.structures])
    tables, both = [], [Strata(pair) for pair in (pairs.full, pairs.bootstrap)]
    for name, reference, generated in shared_strata(frame):
        full, bootstrap = (strata.restrict(reference, generated) for strata in both)
        table = estimate_rows(
            question=2, analysis="size_by_stratum", quantity="adjusted_d", structures=frame.structures,
            estimate=full.difference(frame.headsize)[0, :s],
            draws=bootstrap.difference(frame.headsize)[:, :s],
            settings=frame.settings, unit="SD", headsize=frame.headsize, stratum=name, margin=margin,
            n=(_subjects(frame.reference, reference), _subjects(frame.generated, generated)),
        )  # fmt: skip
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _subjects(arrays: CohortArrays, mask: np.ndarray) -> int:
    return len(np.unique(arrays.clusters.row_of[mask]))
