"""For every generated image: whom of the training people it is most like, and which other generated image."""

import numpy as np
import pandas as pd

from analysis.clouds import extractor_names, members, same_person, squared_distances
from analysis.memorisation import find_copies, held_out_rows
from analysis.pair import Pair

COLUMNS = (
    "participant_id", "extractor", "nearest_training", "similarity", "p_copy", "copy", "limit",
    "nearest_generated", "distance_generated",
)  # fmt: skip


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
    prepared = pair.frame.generated
    ids = prepared.sample.people["participant_id"].to_numpy(dtype=object)
    table = pd.DataFrame({"participant_id": ids, "extractor": name})
    table["nearest_training"], table["nearest_generated"] = None, None
    for column in ("similarity", "p_copy", "copy", "limit", "distance_generated"):
        table[column] = np.nan
    training = pair.frame.training
    if training is not None and name in training.features and len(held_out_rows(pair.frame)):
        found = find_copies(pair.frame, name)
        known = found.generated.row >= 0
        trained = training.people["participant_id"].to_numpy(dtype=object)
        table.loc[known, "nearest_training"] = trained[found.generated.row[known]]
        table["similarity"], table["p_copy"], table["limit"] = (
            found.generated.similarity,
            found.p,
            found.limit,
        )
        table["copy"] = found.flagged.astype(float)
    rows = members(pair, 0, "generated", name)
    if len(rows) > 1:
        squared = squared_distances(pair.frame, prepared, prepared, name, "raw")
        apart = np.where(same_person(prepared), np.inf, squared)[np.ix_(rows, rows)]
        at, place = apart.argmin(axis=1), prepared.pairwise_rows[rows]
        table.loc[place, "nearest_generated"] = ids[place[at]]
        table.loc[place, "distance_generated"] = np.sqrt(apart[np.arange(len(rows)), at])
    return table[list(COLUMNS)]
