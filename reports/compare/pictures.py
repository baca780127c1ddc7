"""The same requested subject as every run of a comparison generated it, side by side."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from plausibrain.reports.run_folder import Run
from plausibrain.reports.slices import (
    BUDGET_BYTES,
    Slice,
    SliceGroup,
    picture_bytes,
    picture_of,
    subject_text,
)

#: Requested subjects shown.
N_REQUESTS = 4
TITLE = "The same requests, as every run generated them"
NOTE = (
    "Each row is one requested subject: a reference subject of the same sex and nearest age, then what each "
    "run generated for the request. The three planes pass through the middle of the brain, from above, from "
    "the front and from the right; the subject’s left is on the left of the first two."
)


def shared_pictures(runs: Sequence[Run], names: Sequence[str]) -> SliceGroup | None:
    """Return pictures of requests that all runs have an image for.

    Parameters
    ----------
    runs : sequence of Run
    names : sequence of str
        What to call each run.

    Returns
    -------
    SliceGroup or None
        One row per request that is pictured in every run with the same id, age and sex, as far as the budget
        of the page allows; None where there is none.
    """
    tables = [_generated(run) for run in runs]
    rows, left = list[tuple[Slice, ...]](), BUDGET_BYTES
    for request in _common(tables)[:N_REQUESTS]:
        examples = [table.loc[[request]].iloc[0] for table in tables]
        left -= sum(len(picture_bytes(run, row.file)) for run, row in zip(runs, examples, strict=True))
        if left < 0:
            break
        rows.append(
            (
                *_neighbour(runs[0], examples[0]),
                *(
                    picture_of(run, row, f"{name}: {subject_text(row)}")
                    for run, row, name in zip(runs, examples, names, strict=True)
                ),
            )
        )
    return SliceGroup(TITLE, NOTE, tuple(rows), alike=True) if rows else None


def _generated(run: Run) -> pd.DataFrame:
    """Pictures of generated subjects in three planes of their own, by request; the first of each."""
    table = run.table("slices")
    table = table[(table.cohort == "generated") & table.likeness.isna()]
    table = table[np.array([bool(picture_bytes(run, file)) for file in table.file], dtype=bool)]
    requests = [f"{row.participant_id}\t{row.age:.3f}\t{row.sex}" for row in table.itertuples()]
    return table.assign(request=requests).drop_duplicates("request").set_index("request")


def _common(tables: Sequence[pd.DataFrame]) -> list[str]:
    """List the requests that all tables have, in the order of the first."""
    return [
        str(request) for request in tables[0].index if all(request in table.index for table in tables[1:])
    ]


def _neighbour(run: Run, example: pd.Series) -> tuple[Slice, ...]:
    table = run.table("slices")
    beside = table[(table.pair == example.pair) & (table.cohort == "reference")]
    return tuple(picture_of(run, row, subject_text(row)) for _, row in beside.head(1).iterrows())
