"""Measurement noise of every structure, from two visits of the same subjects."""

import numpy as np
import pandas as pd

from plausibrain.analysis.sample import Sample, prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV
from plausibrain.cohorts.tables import Column, Schema

NOISE = Schema(
    "noise",
    (
        Column("structure", "str", "FreeSurfer name, or TIV"),
        Column("noise_sd", "float", "Within-subject over between-subject standard deviation", "SD"),
        Column("noise_percent", "float", "Within-subject standard deviation over the mean volume", "%"),
        Column("reliability", "float", "Intraclass correlation ICC(1,1) of one measurement"),
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
    short intervals are needed. ICC(1,1) = (MSB - MSW) / (MSB + MSW), Shrout & Fleiss 1979 (key Shrout1979).
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
        reliability = (between - within) / (between + within)
    return pd.DataFrame(
        {"structure": names, "noise_sd": noise_sd, "noise_percent": 100 * np.sqrt(within) / mean,
         "reliability": reliability, "n_subjects": len(a)}
    )  # fmt: skip


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
