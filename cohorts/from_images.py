"""What images add to a cohort: quality measures with reasons, and feature vectors, row by row."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from plausibrain.cohorts.errors import DataError


def checked_reasons(
    measures: pd.DataFrame | None, reasons: pd.DataFrame | None, name: str
) -> pd.DataFrame | None:
    """Reasons in the shape of the measures: text, and ``""`` where a value needs none.

    Parameters
    ----------
    measures : DataFrame or None
        One column per measure, with a RangeIndex.
    reasons : DataFrame or None
        Why a value is missing or doubtful; None gives empty reasons.
    name : str
        Of the cohort, for messages.

    Returns
    -------
    DataFrame or None
        None exactly where there are no measures.

    Raises
    ------
    DataError
        When the reasons do not fit the measures.
    """
    if measures is None:
        if reasons is not None:
            raise DataError(f"cohort {name!r}: reasons without measures; give both or neither")
        return None
    if reasons is None:
        return pd.DataFrame("", index=measures.index, columns=measures.columns, dtype=str)
    if len(reasons) != len(measures) or set(reasons.columns) != set(measures.columns):
        raise DataError(
            f"cohort {name!r}: reasons of shape {reasons.shape} and columns {_some(reasons)} for measures of "
            f"shape {measures.shape} and columns {_some(measures)}; give one reason per measure and row"
        )
    return reasons[list(measures.columns)].reset_index(drop=True).fillna("").astype(str)


def checked_features(features: Mapping[str, np.ndarray], n_rows: int, name: str) -> dict[str, np.ndarray]:
    """Feature matrices by extractor, the arrays read-only.

    Parameters
    ----------
    features : mapping of str to ndarray, (n, d)
        NaN rows stand for images that could not be read.
    n_rows : int
        Rows of the cohort.
    name : str
        Of the cohort, for messages.

    Returns
    -------
    dict of str to ndarray, (n, d)
        Floating point, as precise as given.

    Raises
    ------
    DataError
        When a matrix has another shape or number of rows.
    """
    matrices = {}
    for extractor, values in features.items():
        matrix = np.asarray(values)
        if matrix.ndim != 2 or len(matrix) != n_rows:
            raise DataError(
                f"cohort {name!r}: features {extractor!r} have shape {matrix.shape} for {n_rows} subjects; "
                "give one row per subject"
            )
        matrix = matrix if matrix.dtype.kind == "f" else matrix.astype(np.float64)
        matrix = matrix.view()
        matrix.flags.writeable = False
        matrices[extractor] = matrix
    return matrices


def checked_pairs(pairs: pd.DataFrame | None, ids: pd.Series, name: str) -> pd.DataFrame | None:
    """Pairs of images of the cohort, with a fresh RangeIndex.

    Parameters
    ----------
    pairs : DataFrame or None
        Columns ``first`` and ``second`` (participant ids), similarities, ``reason``.
    ids : Series
        Participant ids of the cohort.
    name : str
        Of the cohort, for messages.

    Raises
    ------
    DataError
        When a column is missing or somebody is not in the cohort.
    """
    if pairs is None:
        return None
    lacking = [column for column in ("first", "second") if column not in pairs]
    if lacking:
        raise DataError(f"cohort {name!r}: pairs lack the column {', '.join(lacking)}")
    strangers = sorted({*pairs["first"], *pairs["second"]} - set(ids))
    if strangers:
        raise DataError(f"cohort {name!r}: pairs name {strangers[0]!r}, who is not among its subjects")
    return pairs.reset_index(drop=True)


def pairs_among(pairs: pd.DataFrame | None, ids: pd.Series) -> pd.DataFrame | None:
    """Pairs of which both images are among some ids."""
    return None if pairs is None else pairs[pairs["first"].isin(ids) & pairs["second"].isin(ids)]


def _some(table: pd.DataFrame) -> str:
    names = [str(column) for column in table.columns]
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
