"""Structures that the reference has and generated images lack."""

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair

MOST_NAMED = 5


def lacking_structures(frame: Frame) -> pd.DataFrame:
    """Return the rows of `Frame.missing` of structures that are lacking, most often lacking first."""
    table, rules = frame.missing, frame.settings.rules
    if table.empty:
        return table
    share = {role: table[f"missing_{role}"] / table[f"n_{role}"] for role in ("reference", "generated")}
    excess = share["generated"] - share["reference"]
    suspects = table[excess > rules.lacking_share]
    chance = [_chance(row) for row in suspects.itertuples()]
    rows = suspects[np.array(chance, dtype=float) * len(table) <= rules.lacking_chance]
    return rows.loc[excess[rows.index].sort_values(ascending=False, kind="stable").index]


def _chance(row: object) -> float:
    counts = [
        [n_missing := getattr(row, f"missing_{role}"), getattr(row, f"n_{role}") - n_missing]
        for role in ("generated", "reference")
    ]
    return float(fisher_exact(counts, alternative="greater").pvalue)


def lacking_names(pair: Pair) -> str:
    """Return the names of lacking structures with counts, in brackets; empty when there are none."""
    rows = lacking_structures(pair.frame)
    words = [
        f"{row.structure} (empty or zero in {row.missing_generated} of {row.n_generated} rows)"
        for row in rows.head(MOST_NAMED).itertuples()
    ]
    more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    return f": {', '.join(words)}{more}" if words else ""


def lacking_interval(frame: Frame, level: float) -> tuple[float, float]:
    """Return the count twice: every structure counted has passed its own test."""
    count = float(len(lacking_structures(frame)))
    return count, count
