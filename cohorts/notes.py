"""Notes: what was coerced, excluded, ignored or found odd while a cohort was read."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Note:
    """One thing that was coerced, excluded or found odd.

    Parameters
    ----------
    kind : str
        ``duplicate``, ``coerced``, ``excluded``, ``ignored`` or ``warning``.
    column : str
        Column that it is about, or empty.
    row : int or None
        First line of the file concerned, as a subject sees it: the header is line 1.
    value : str
        Example of what was found.
    message : str
        What was done, in words.
    """

    kind: str
    column: str = ""
    row: int | None = None
    value: str = ""
    message: str = ""


def notes_table(notes: Sequence[Note], *, cohort: str = "") -> pd.DataFrame:
    """Arrange notes as the table ``notes`` of the run folder.

    Parameters
    ----------
    notes : sequence of Note
        In the order in which they shall stand.
    cohort : str
        Role of the cohort: ``reference`` or ``generated``.

    Returns
    -------
    DataFrame
        Columns cohort, kind, column, row, value, message.
    """
    rows = [(cohort, n.kind, n.column, n.row, n.value, n.message) for n in notes]
    table = pd.DataFrame(rows, columns=["cohort", "kind", "column", "row", "value", "message"])
    return table.astype({"row": "float64"})
