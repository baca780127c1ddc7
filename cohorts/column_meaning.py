"""Which of several columns holds what, where names alone do not decide: by what the columns contain."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from plausibrain.cohorts.cells import as_numbers, as_text
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.participant_columns import SYNONYMS, find_columns, plain

#: Two columns of ages say the same where they differ by no more, years: one of them may be rounded.
SAME_AGE_YEARS = 1.0
#: Sex and gender may differ in this share of the rows; beyond it one of the two is something else.
DIFFERENT_SEXES = 0.05
#: What a column called "group" may hold that is no diagnosis.
_NO_DIAGNOSIS = {
    "train", "training", "test", "testing", "val", "valid", "validation", "dev", "holdout", "held_out", "m",
    "f", "male", "female", "young", "old", "older", "middle", "adult", "adults", "generated", "synthetic",
    "real",
}  # fmt: skip
_AGE_GROUP = r"[<>]?=?\d{1,3}([-–+_to ]+\d{0,3})?"


def columns_of(table: pd.DataFrame, source: str) -> tuple[dict[str, str], tuple[Note, ...]]:
    """Find which column of a table holds what, from names and, where several fit, from contents.

    Parameters
    ----------
    table : DataFrame
        As read; its index holds the lines of the file.
    source : str
        File, for messages.

    Returns
    -------
    dict of str to str, tuple of Note
        As from `plausibrain.cohorts.participant_columns.find_columns`, and what was decided.

    Raises
    ------
    DataError
        When two columns contradict each other and only the user can say which one counts.
    """
    columns, notes = find_columns(table.columns), []
    for purpose, header in list(columns.items()):
        candidates = _candidates(table, purpose, columns)
        if len(candidates) > 1 and _is_empty(table[header]) and purpose != "participant_id":
            columns[purpose] = next((name for name in candidates if not _is_empty(table[name])), header)
    notes += _choose_session(table, columns)
    notes += _compare_ages(table, columns, source)
    notes += _compare_sexes(table, columns, source)
    notes += _check_group(table, columns)
    return columns, tuple(notes)


def _candidates(table: pd.DataFrame, purpose: str, columns: dict[str, str]) -> list[str]:
    """Return the headers that may serve a purpose, the preferred one first; none that serves another one."""
    others = {header for name, header in columns.items() if name != purpose}
    order = SYNONYMS[purpose]
    names = [str(name) for name in table.columns if plain(str(name)) in order and name not in others]
    return sorted(names, key=lambda name: order.index(plain(name)))


def _is_empty(values: pd.Series) -> bool:
    return bool(as_text(values).isna().all())


def _choose_session(table: pd.DataFrame, columns: dict[str, str]) -> list[Note]:
    """Choose the column that tells repeated ids apart; `SES` may be a session or socioeconomic status."""
    if "participant_id" not in columns:
        return []
    ids = as_text(table[columns["participant_id"]])
    candidates = [n for n in _candidates(table, "session", columns) if n.strip() != "SES"]
    candidates += [str(n) for n in table.columns if str(n).strip() == "SES"]
    if not ids.duplicated().any() or not candidates:
        return []
    tells = [name for name in candidates if not _repeat_with(ids, as_text(table[name]))]
    header = columns.get("session")
    if not tells or header in tells:
        return []
    columns["session"] = tells[0]
    instead = f"; {header!r} does not" if header else ""
    message = f"{tells[0]!r} is read as the session, because it tells rows of one id apart{instead}"
    return [Note("coerced", tells[0], 1, "", message)]


def _repeat_with(ids: pd.Series, labels: pd.Series) -> bool:
    return bool(pd.DataFrame({"id": ids, "label": labels.fillna("")}).duplicated().any())


def _compare_ages(table: pd.DataFrame, columns: dict[str, str], source: str) -> list[Note]:
    """Refuse two columns of ages that differ; only the user knows which is the age at the scan."""
    if "age" not in columns:
        return []
    header = columns["age"]
    others = [(name, 1.0) for name in _candidates(table, "age", columns) if name != header]
    others += [(columns["age_months"], 12.0)] if "age_months" in columns else []
    own = as_numbers(table[header])
    for name, per_year in others:
        other = as_numbers(table[name]) / per_year
        differs = ((own - other).abs() > SAME_AGE_YEARS) & ((own / per_year - other).abs() > SAME_AGE_YEARS)
        if differs.any():
            line = differs.index[differs][0]
            raise DataError(
                f"{source}: line {line}: {header!r} is {table.loc[line, header]} and {name!r} is "
                f"{table.loc[line, name]}; two columns of ages differ in {int(differs.sum())} rows; keep the "
                "age at the scan, and rename or remove the other"
            )
    return []


def _compare_sexes(table: pd.DataFrame, columns: dict[str, str], source: str) -> list[Note]:
    """Compare a column of sex with one of gender, whatever their codes; sex counts where they differ."""
    if "sex" not in columns:
        return []
    header = columns["sex"]
    notes = []
    for name in [n for n in _candidates(table, "sex", columns) if n != header]:
        pairs = pd.DataFrame({"own": as_text(table[header]), "other": as_text(table[name])}).dropna()
        usual = pairs.groupby("other")["own"].agg(lambda values: values.mode().iloc[0])
        one_to_one = usual.is_unique
        differs = pairs["own"] != pairs["other"].map(usual)
        if not len(pairs) or (one_to_one and not differs.any()):
            continue
        if not one_to_one or differs.mean() > DIFFERENT_SEXES:
            line = differs.index[differs][0] if differs.any() else pairs.index[0]
            raise DataError(
                f"{source}: line {line}: {header!r} is {table.loc[line, header]} and {name!r} is "
                f"{table.loc[line, name]}; the two columns contradict each other in many rows; rename or "
                "remove the one that is not the sex of the subject"
            )
        line = differs.index[differs][0]
        message = (
            f"{name!r} differs from {header!r} in {int(differs.sum())} of {len(pairs)} rows, the first in "
            f"line {line}; {header!r} is used"
        )
        notes.append(Note("warning", header, int(line), str(table.loc[line, name]), message))
    return notes


def _check_group(table: pd.DataFrame, columns: dict[str, str]) -> list[Note]:
    """Take a column called group for a diagnosis only where it holds no split, age band or sex."""
    header = columns.get("diagnosis")
    if header is None or plain(header) != "group":
        return []
    values = as_text(table[header]).dropna().str.strip().str.casefold()
    kinds: Sequence[str] = values.unique().tolist()
    bands = values.str.fullmatch(_AGE_GROUP)
    other = values.map(plain).isin(_NO_DIAGNOSIS) | _is_band(bands, values)
    if not len(values) or not other.all():
        return []
    del columns["diagnosis"]
    listing = ", ".join(kinds[:4])
    return [Note("ignored", header, 1, kinds[0], f"{header!r} holds {listing}, which is no diagnosis")]


def _is_band(bands: pd.Series, values: pd.Series) -> np.ndarray:
    """Age bands such as 40-50; plain codes such as 0 and 1 may well be a diagnosis."""
    return np.asarray(bands & ~values.str.fullmatch(r"\d+"))
