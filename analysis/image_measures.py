"""Which measures of image quality two cohorts share, and their values without gaps."""

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import OK, Cohort, Note

#: A standard deviation below this share of the mean is rounding.
ROUNDING = 1e-6


def common_measures(
    reference: Cohort, generated: Cohort, max_missing: float
) -> tuple[list[str], list[tuple[str, Note]]]:
    """Names of the measures that both cohorts carry, and notes on those that are left out.

    Parameters
    ----------
    reference, generated : Cohort
    max_missing : float
        A measure that a larger share of the images lacks is left out; fewer gaps are filled.

    Returns
    -------
    names : list of str
        In the order of the reference; empty when a cohort has no measured images.
    notes : list of (role, Note)
        Why measures are left out; one note for all that share the reason.
    """
    if reference.measures is None or generated.measures is None:
        return [], []
    usable, why = [], dict[tuple[str, str], list[str]]()
    for name in reference.measures.columns:
        if name not in generated.measures.columns:
            continue
        role, reason = _fault(name, reference, generated, max_missing)
        if reason:
            why.setdefault((role, reason), []).append(name)
        else:
            usable.append(name)
    return usable, [
        (role, Note("ignored", "image", message=f"image quality: {', '.join(names)} left out: {reason}"))
        for (role, reason), names in why.items()
    ]


def filled_measures(cohort: Cohort, names: list[str], keep: np.ndarray) -> pd.DataFrame:
    """Values of some rows, gaps filled with the median of the cohort.

    Parameters
    ----------
    cohort : Cohort
    names : list of str
        As from `common_measures`.
    keep : ndarray of bool, (rows,)

    Returns
    -------
    DataFrame, (n, len(names))
        With a RangeIndex.
    """
    if cohort.measures is None or not names:
        return pd.DataFrame(index=range(int(keep.sum())))
    values = cohort.measures.loc[keep, names].reset_index(drop=True)
    return values.fillna(values.median())


def _fault(name: str, reference: Cohort, generated: Cohort, max_missing: float) -> tuple[str, str]:
    """Role and reason why a measure cannot be compared; empty when it can."""
    for role, cohort in (("reference", reference), ("generated", generated)):
        if cohort.measures is None or cohort.measure_reasons is None:
            continue
        ok = (cohort.subjects["status"] == OK).to_numpy()
        values, reasons = cohort.measures.loc[ok, name], cohort.measure_reasons.loc[ok, name]
        gaps = values.isna()
        if gaps.mean() > max_missing:
            examples = reasons[gaps & (reasons != "")]
            example = f", for example: {examples.iloc[0]}" if len(examples) else ""
            return role, f"missing in {int(gaps.sum())} of {len(values)} images{example}"
        if role == "reference" and not values.std(ddof=0) > ROUNDING * abs(values.mean()):
            return role, f"the same ({values.median():g}) in every image"
    return "", ""
