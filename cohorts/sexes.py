"""Sex as ``M`` or ``F`` from what tables say. A number is never guessed: it needs a coding."""

import pandas as pd

from plausibrain.cohorts.cells import as_text
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note

WORDS = {"m": "M", "male": "M", "man": "M", "f": "F", "female": "F", "woman": "F"}
NEITHER = ("o", "other", "u", "unknown", "x", "undifferentiated", "not stated", "prefer not to say")


def parse_sexes(values: pd.Series, *, source: str, coding: str | None, notes: list[Note]) -> pd.Series:
    """Read sexes.

    Parameters
    ----------
    values : Series of str
        Its index holds the lines of the file; missing stays missing.
    source : str
        File, for messages.
    coding : str or None
        Such as ``1=M,0=F``.
    notes : list of Note
        Coercions are appended, and how many rows say another or no sex (they become missing).

    Returns
    -------
    Series of str
        ``M``, ``F`` or NaN.

    Raises
    ------
    DataError
        For a number without a coding, and for values that the coding or the words in use do not cover.
    """
    words = values.str.casefold().str.replace(r"^([+-]?\d+)\.0+$", r"\1", regex=True)
    meaning = WORDS if coding is None else WORDS | parse_coding(coding)
    sexes = words.map(meaning)
    neither = sexes.isna() & words.isin(NEITHER)
    bad = values.notna() & sexes.isna() & ~neither
    if bad.any():
        raise DataError(_refusal(values, words, bad, coding, source))
    _add_notes(values, sexes, neither, notes)
    return as_text(sexes)


def parse_coding(coding: str) -> dict[str, str]:
    """Read a coding such as ``1=M,0=F``.

    Parameters
    ----------
    coding : str
        Pairs of code and sex, separated by commas.

    Returns
    -------
    dict of str to str

    Raises
    ------
    DataError
        When it cannot be read, or does not name both sexes.

    Examples
    --------
    >>> parse_coding("1=M, 0=F")
    {'1': 'M', '0': 'F'}
    """
    pairs = [pair.partition("=") for pair in coding.split(",")]
    codes = {code.strip().casefold(): WORDS.get(word.strip().casefold(), "") for code, _, word in pairs}
    if set(codes.values()) != {"M", "F"} or "" in codes or len(codes) != len(pairs):
        raise DataError(f"sex coding {coding!r} cannot be read; write for example '1=M,0=F'")
    return codes


def _refusal(values: pd.Series, words: pd.Series, bad: pd.Series, coding: str | None, source: str) -> str:
    line = bad.index[bad][0]
    where = f"{source}: line {line}, column {values.name!r}: sex {values[line]!r}"
    if coding is None and words[bad].str.fullmatch(r"[+-]?\d+").all():
        codes = sorted(words[bad].unique())
        pair = [*codes, *(code for code in "01" if code not in codes)][:2]
        both = [",".join(f"{c}={s}" for c, s in zip(pair, order, strict=True)) for order in ("MF", "FM")]
        return (
            f"{where} is a code (found {', '.join(codes)}), and which one is male is not said; "
            f"state the coding, sex_coding={both[0]!r} or {both[1]!r}"
        )
    spellings = "M, F, male, female" if coding is None else f"M, F, or the coding {coding!r}"
    return f"{where} is unknown; expected {spellings}; correct it, or write n/a"


def _add_notes(values: pd.Series, sexes: pd.Series, neither: pd.Series, notes: list[Note]) -> None:
    differs = sexes.notna() & (values != sexes)
    for value in values[differs].unique():
        rows = differs & (values == value)
        message = f"{int(rows.sum())} times {value!r} read as {sexes[rows].iloc[0]}"
        notes.append(Note("coerced", str(values.name), int(rows.index[rows][0]), str(value), message))
    if neither.any():
        line = int(neither.index[neither][0])
        message = f"{int(neither.sum())} rows say neither male nor female and count as missing"
        notes.append(Note("warning", str(values.name), line, str(values[line]), message))
