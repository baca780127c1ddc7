"""Question 1: who was left out or is implausible, by cohort, sex and age decade; whose labels are trusted."""

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.strata import decade

QC_THRESHOLD = 0.65
QC_RULE_SHARE = 0.95


@ESTIMATES.register(
    label="Exclusions",
    unit="share",
    source=("Wu2024",),
    quantities={
        "excluded": Quantity("Excluded"),
        "implausible": Quantity("Flagged as implausible"),
        "qc_reliable": Quantity("All quality scores reliable"),
    },
)
def exclusions(pairs: Pairs) -> pd.DataFrame:
    """Return excluded, implausible and QC-passing shares with Wilson intervals."""
    rows = pairs.full.frame.excluded
    settings = pairs.full.frame.settings
    out = []
    for cohort, group in rows.groupby("cohort", sort=False):
        for quantity in ("excluded", "implausible"):
            members = group.dropna(subset=[quantity])
            for stratum, mask in _strata(members).items() if len(members) else ():
                hits = members[quantity].to_numpy(dtype=bool)[mask]
                out.append(_share(quantity, str(cohort), stratum, hits, settings.confidence))
        lowest = group["qc_lowest"].dropna().to_numpy()
        if len(lowest):
            row = _share("qc_reliable", str(cohort), "all", lowest > QC_THRESHOLD, settings.confidence)
            out.append(
                row | {"margin_low": QC_RULE_SHARE, "margin_high": 1.0, "reason": "every QC score above 0.65"}
            )
    return pd.DataFrame(out)


def _strata(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    masks = {"all": np.ones(len(rows), dtype=bool)}
    for sex in ("F", "M"):
        masks[sex] = (rows["sex"] == sex).to_numpy()
    has_age = rows["age"].notna().to_numpy()
    decades = np.where(has_age, decade(rows["age"].fillna(0).to_numpy()), "")
    masks |= {name: decades == name for name in np.unique(decades[has_age])}
    return {name: mask for name, mask in masks.items() if mask.any()}


def _share(quantity: str, cohort: str, stratum: str, hits: np.ndarray, level: float) -> dict[str, object]:
    count, n = int(hits.sum()), len(hits)
    low, high = proportion_confint(count, n, alpha=1 - level, method="wilson")
    sizes = {
        "n_reference": n if cohort == "reference" else 0,
        "n_generated": n if cohort == "generated" else 0,
    }
    return {
        "question": 1, "analysis": "exclusions", "quantity": quantity, "structure": "", "stratum": stratum,
        "headsize": "none", "cohort": cohort, "estimate": count / n, "ci_low": low, "ci_high": high,
        "ci_level": level,
        "unit": "share", "verdict": "", "status": "ok", "reason": "", **sizes,
    }  # fmt: skip
