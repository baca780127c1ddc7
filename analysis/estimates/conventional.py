"""Question 2: what other papers would report of every structure, by pingouin.

Cohen's d with the pooled standard deviation and its parametric interval, with Welch's t test and two
one-sided tests; the common-language effect size; and the partial correlation of volume and cohort given age,
sex and head size. Volumes are raw but for the partial correlation, one row per subject (the mean of several
seeds). Verdicts rest on the adjusted differences, which allow for seeds and for the spread of comparable
subjects.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pingouin_access import unrounded_pingouin
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import COLUMNS, benjamini_hochberg, subjects_in

QUANTITIES = {
    "cohens_d_pooled": Quantity(
        "Cohen’s d, pooled SD, raw",
        "Raw differences were also described by Cohen’s d with the pooled standard deviation, Welch’s t "
        "test, two one-sided tests and partial correlations given age, sex and head size (pingouin).",
    ),
    "common_language": Quantity("Chance that a generated volume is larger than a reference volume, raw"),
    "partial_r_cohort": Quantity("Correlation of volume and cohort, given age, sex and head size"),
}
COHORT, VOLUME = "cohort", "volume"


@ESTIMATES.register(
    label="Conventional tests of volumes", unit="SD", source=("Schuirmann1987",), quantities=QUANTITIES
)
def conventional(pairs: Pairs) -> pd.DataFrame:
    """Return effect sizes and tests of every structure as pingouin computes them."""
    frame = pairs.full.frame
    both = [subject_rows(frame, arrays) for arrays in (frame.reference, frame.generated)]
    with unrounded_pingouin() as pg:
        rows = [row for name in frame.outcome_names for row in _of_structure(pg, frame, both, name)]
    table = pd.DataFrame(rows).assign(
        question=2, analysis="conventional", stratum="all", verdict="", status="ok",
        reason="", n_reference=subjects_in(pairs.full)[0], n_generated=subjects_in(pairs.full)[1],
    )  # fmt: skip
    bad = ~np.isfinite(table["estimate"].astype(float))
    table.loc[bad, ["status", "reason"]] = ["failed", "undefined on these subjects"]
    for _, part in table.groupby("quantity"):
        table.loc[part.index, "q"] = benjamini_hochberg(part["p"].to_numpy(dtype=float))
    return table.reindex(columns=COLUMNS)


def subject_rows(frame: Frame, arrays: CohortArrays) -> pd.DataFrame:
    """Return volumes (mm³), age, sex and head size, one row per subject."""
    sample = arrays.sample
    table = pd.DataFrame(sample.volumes, columns=list(sample.structures))
    table["age"], table["male"] = sample.age, sample.male
    if sample.tiv is not None:
        table["TIV"] = sample.tiv
    return table.groupby(arrays.clusters.row_of).mean()


def _of_structure(pg: Any, frame: Frame, both: list[pd.DataFrame], name: str) -> Iterator[dict[str, object]]:
    reference, generated = (rows[name].to_numpy(dtype=float) for rows in both)
    level = frame.settings.confidence
    d = float(pg.compute_effsize(generated, reference, eftype="cohen"))
    sizes = {"nx": len(generated), "ny": len(reference)}
    low, high = pg.compute_esci(stat=d, **sizes, eftype="cohen", confidence=level, decimals=12)
    margin = frame.settings.margin_of(name)
    common = {"structure": name, "cohort": "difference", "headsize": "none", "ci_level": level}
    yield common | {
        "quantity": "cohens_d_pooled", "unit": "SD", "estimate": d, "ci_low": float(low),
        "ci_high": float(high),
        "p": _number(pg.ttest(generated, reference, correction=True), "p_val", "p-val"),
        "p_equivalence": _number(
            pg.tost(generated, reference, bound=margin * pooled_sd(reference, generated)), "pval", "p_val"
        ),
        "margin_low": -margin, "margin_high": margin,
    }  # fmt: skip
    larger = float(pg.compute_effsize(generated, reference, eftype="CLES"))
    yield common | {"quantity": "common_language", "unit": "share", "cohort": "generated",
                   "estimate": larger, "p": np.nan}  # fmt: skip
    others = [c for c in ("age", "male", "TIV") if c in both[0] and c != name]
    parts = [rows[[name, *others]].assign(**{COHORT: float(k)}) for k, rows in enumerate(both)]
    table = pd.concat(parts, ignore_index=True)
    covariates = [c for c in others if np.ptp(table[c]) > 0]
    if not covariates:
        return
    partial = pg.partial_corr(table.rename(columns={name: VOLUME}), x=COHORT, y=VOLUME, covar=covariates)
    ends = np.asarray(partial["CI95"].iloc[0], dtype=float)
    yield common | {
        "quantity": "partial_r_cohort", "unit": "r", "estimate": _number(partial, "r"), "ci_low": ends[0],
        "ci_high": ends[1], "ci_level": 0.95, "p": _number(partial, "p_val", "p-val"),
        "headsize": "covariate" if "TIV" in covariates else "none",
    }  # fmt: skip


def pooled_sd(first: np.ndarray, second: np.ndarray) -> float:
    """Return the pooled standard deviation of two groups, n - 2 degrees of freedom."""
    squares = (len(first) - 1) * first.var(ddof=1) + (len(second) - 1) * second.var(ddof=1)
    return float(np.sqrt(squares / (len(first) + len(second) - 2)))


def _number(table: pd.DataFrame, *names: str) -> float:
    """Return the one value of a column that versions of pingouin call differently."""
    return float(next(table[name].iloc[0] for name in names if name in table))
