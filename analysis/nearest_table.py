"""For every generated image: the most similar training subject, and the most similar generated image."""

import numpy as np
import pandas as pd

from plausibrain.analysis.feature_samples import extractor_names, members, same_subject, squared_distances
from plausibrain.analysis.memorisation import find_copies, find_near_duplicates, held_out_rows
from plausibrain.analysis.pair import Pair
from plausibrain.cohorts.schemas import NEAREST

COLUMNS = tuple(column.name for column in NEAREST.columns)
_TEXTS = ("nearest_training", "nearest_held_out", "nearest_generated")


def nearest_table(pair: Pair) -> pd.DataFrame:
    """Return the pairs behind question 9, most suspicious first.

    Parameters
    ----------
    pair : Pair
        That of the estimate.

    Returns
    -------
    DataFrame
        One row per generated image and extractor; missing where there is no training cohort, or no vector.
    """
    tables = [_of_extractor(pair, name) for name in extractor_names(pair.frame)]
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(tables, ignore_index=True)
    order = ["extractor", "p_copy", "distance_generated", "participant_id"]
    return table.sort_values(order, kind="stable", ignore_index=True)


def _of_extractor(pair: Pair, name: str) -> pd.DataFrame:
    ids = _ids(pair.frame.generated.sample.subjects)
    table = pd.DataFrame({"participant_id": ids, "extractor": name})
    for column in COLUMNS[2:]:
        table[column] = None if column in _TEXTS else np.nan
    training = pair.frame.training
    if training is not None and name in training.features and len(held_out_rows(pair.frame)):
        _add_copies(table, pair, name, _ids(training.subjects))
    if len(members(pair, 0, "generated", name)) > 1:
        _add_near_duplicates(table, pair, name, ids)
    return table[list(COLUMNS)]


def _ids(subjects: pd.DataFrame) -> np.ndarray:
    ids: np.ndarray = subjects["participant_id"].to_numpy(dtype=object)
    return ids


def _add_copies(table: pd.DataFrame, pair: Pair, name: str, training_ids: np.ndarray) -> None:
    """Fill in the nearest training and the nearest held-out image."""
    copies = find_copies(pair.frame, name)
    real = _ids(pair.frame.reference.sample.subjects)
    for column, nearest, whose in (
        ("training", copies.generated, training_ids),
        ("held_out", copies.generated_to_held_out, real),
    ):
        mask = nearest.row >= 0
        table.loc[mask, f"nearest_{column}"] = whose[nearest.row[mask]]
        table["similarity" if column == "training" else "similarity_held_out"] = nearest.similarity
    table["p_copy"], table["limit"] = copies.p, copies.limit
    table["copy"] = np.where(np.isfinite(copies.p), copies.flagged.astype(float), np.nan)


def _add_near_duplicates(table: pd.DataFrame, pair: Pair, name: str, ids: np.ndarray) -> None:
    """Fill in the nearest generated image of another subject, and whether it counts as a near-duplicate."""
    arrays = pair.frame.generated
    rows = members(pair, 0, "generated", name)
    squares = squared_distances(pair.frame, arrays, arrays, name, "raw")
    apart = np.where(same_subject(arrays), np.inf, squares)[np.ix_(rows, rows)]
    at, place = apart.argmin(axis=1), arrays.pairwise_rows[rows]
    nearest = np.sqrt(apart[np.arange(len(rows)), at])
    others = np.isfinite(nearest)
    table.loc[place[others], "nearest_generated"] = ids[place[at[others]]]
    table.loc[place[others], "distance_generated"] = nearest[others]
    near_duplicates = find_near_duplicates(pair, 0, name)
    table["limit_generated"] = near_duplicates.limit
    table.loc[near_duplicates.rows, "near_duplicate"] = near_duplicates.flagged.astype(float)
