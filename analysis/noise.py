"""Measurement noise of every structure, from two visits of the same subjects."""

from typing import Any

import numpy as np
import pandas as pd

from plausibrain.analysis.pingouin_access import unrounded_pingouin
from plausibrain.analysis.sample import Sample, prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV
from plausibrain.cohorts.tables import Column, Schema

#: Limits of agreement, in standard deviations of the difference.
LIMITS = 1.96
NOISE = Schema(
    "noise",
    (
        Column("structure", "str", "FreeSurfer name, or TIV"),
        Column("noise_sd", "float", "Within-subject over between-subject standard deviation", "SD"),
        Column("noise_percent", "float", "Within-subject standard deviation over the mean volume", "%"),
        Column("reliability", "float", "Intraclass correlation ICC(1,1) of one measurement"),
        Column("reliability_low", "float", "Lower end of its 95 % interval"),
        Column("reliability_high", "float", "Upper end of its 95 % interval"),
        Column("bias_percent", "float", "Mean of second minus first visit (Bland-Altman)", "%"),
        Column("limits_low", "float", "Lower limit of agreement, 1.96 SD below the bias", "%"),
        Column("limits_high", "float", "Upper limit of agreement, 1.96 SD above the bias", "%"),
        Column("p_bias", "float", "p value of the bias, paired t test"),
        Column("p_equivalence", "float", "p value that the visits agree within the margin, paired TOST"),
        Column("n_subjects", "int", "Subjects measured twice"),
    ),
    description="Measurement noise from two visits of the same subjects; usable as margin input.",
)


def estimate_noise(first: Cohort, second: Cohort, settings: Settings) -> pd.DataFrame:
    """Estimate within-subject noise from subjects measured twice.

    Parameters
    ----------
    first, second : Cohort
        The same subjects (matched by `subject`), one row each.
    settings : Settings

    Returns
    -------
    DataFrame
        Columns of `NOISE`.

    Raises
    ------
    DataError
        When fewer subjects than `settings.min_subjects` are in both.

    Notes
    -----
    Within-subject variance is half the mean squared difference; a change between visits counts as noise, so
    short intervals are needed. Intraclass correlations with intervals, paired t tests and two one-sided
    tests are pingouin's; ICC(1,1) = (MSB - MSW) / (MSB + MSW), Shrout & Fleiss 1979 (key Shrout1979). Bias
    and limits of agreement are those of Bland & Altman, in percent of the mean volume.
    """
    samples = prepare_samples(first, second, min_subjects=settings.min_subjects, rules=settings.rules)
    a, b = _matched(samples.reference, samples.generated, settings.min_subjects)
    names = [*a.structures, *([] if a.tiv is None else [TIV])]
    one, two = (np.column_stack([s.column(name) for name in names]) for s in (a, b))
    within = ((one - two) ** 2).mean(axis=0) / 2
    subject = (one + two) / 2
    between = 2 * subject.var(axis=0, ddof=1)  # mean square between subjects
    mean = subject.mean(axis=0)
    true_variance = np.maximum((between - within) / 2, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        noise_sd = np.sqrt(within / (true_variance + within))
    table = pd.DataFrame(
        {"structure": names, "noise_sd": noise_sd, "noise_percent": 100 * np.sqrt(within) / mean}
    )
    margins = np.array([settings.margin_of(name) for name in names]) * subject.std(axis=0, ddof=1)
    with unrounded_pingouin() as pg:
        rows = [_agreement(pg, one[:, i], two[:, i], margins[i]) for i in range(len(names))]
    return pd.concat([table, pd.DataFrame(rows)], axis=1).assign(n_subjects=len(a))[
        [column.name for column in NOISE.columns]
    ]


def _agreement(pg: Any, one: np.ndarray, two: np.ndarray, bound: float) -> dict[str, float]:
    """Return reliability, bias and limits of agreement of one structure; NaN where all subjects are alike."""
    gap, mean = two - one, (one + two).mean() / 2
    spread = float(gap.std(ddof=1))
    row = {
        "bias_percent": 100 * gap.mean() / mean,
        "limits_low": 100 * (gap.mean() - LIMITS * spread) / mean,
        "limits_high": 100 * (gap.mean() + LIMITS * spread) / mean,
    }
    nothing = dict.fromkeys(("reliability", "reliability_low", "reliability_high"), np.nan)
    if not (np.ptp(one) > 0 and np.ptp(two) > 0 and spread > 0):
        return row | nothing | {"p_bias": np.nan, "p_equivalence": np.nan}
    n = len(one)
    long = pd.DataFrame(
        {"subject": np.tile(np.arange(n), 2), "visit": np.repeat([1, 2], n), "mm3": np.r_[one, two]}
    )
    icc = pg.intraclass_corr(long, targets="subject", raters="visit", ratings="mm3")
    single = icc[icc["Type"].isin(["ICC1", "ICC(1,1)"])].iloc[0]
    low, high = next(single[name] for name in ("CI95", "CI95%") if name in single)
    test, tost = pg.ttest(two, one, paired=True), pg.tost(two, one, bound=bound, paired=True)
    p = next(test[name].iloc[0] for name in ("p_val", "p-val") if name in test)
    return row | {
        "reliability": float(single["ICC"]), "reliability_low": float(low), "reliability_high": float(high),
        "p_bias": float(p), "p_equivalence": float(tost["pval"].iloc[0]),
    }  # fmt: skip


def _matched(first: Sample, second: Sample, min_subjects: int) -> tuple[Sample, Sample]:
    keys = [pd.Index(s.subjects["subject"].astype(str)) for s in (first, second)]
    both = sorted(set(keys[0]) & set(keys[1]))
    if len(both) < min_subjects:
        raise DataError(
            f"{len(both)} subjects are in both visits ({len(first)} and {len(second)} rows); at least "
            f"{min_subjects} are needed. Both tables must use the same ids"
        )
    for sample, key in zip((first, second), keys, strict=True):
        if not key.is_unique:
            raise DataError(
                f"{sample.name}: a subject stands in several rows; give one row per subject and visit"
            )
    return first.take(keys[0].get_indexer(pd.Index(both))), second.take(keys[1].get_indexer(pd.Index(both)))
