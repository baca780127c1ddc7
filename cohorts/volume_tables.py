"""Tables of regional volumes: SynthSeg's CSV, FreeSurfer's aseg and aparc tables, and ours.

SynthSeg and FreeSurfer do not measure the same things under the same names: 24 is all CSF in one and a
little of it in the other, and amygdala volumes differ up to twofold. So the segmenter is inferred from the
naming scheme and kept with the cohort.
"""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from plausibrain.cohorts.cells import as_numbers, checked_numbers
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.other_programs import is_fastsurfer
from plausibrain.cohorts.parcel_sums import parcel_sum_notes
from plausibrain.cohorts.participant_columns import is_text_column, plain
from plausibrain.cohorts.raw_tables import read_raw_table
from plausibrain.cohorts.structures import TIV, TIV_ALIASES, canonical_name, find_structure
from plausibrain.cohorts.volume_sums import implausible_heads

QC_GROUPS = (
    "general white matter",
    "general grey matter",
    "general csf",
    "cerebellum",
    "brainstem",
    "thalamus",
    "putamen+pallidum",
    "hippocampus+amygdala",
)
"""Groups that SynthSeg scores, in its order."""
UNITS = {"mm3": 1.0, "mL": 1000.0}
_LEAST_MM3 = {
    TIV: 20_000.0,
    "Left-Cerebral-White-Matter": 5_000.0,
    "Left-Cerebral-Cortex": 5_000.0,
    "Left-Cerebellum-Cortex": 1_000.0,
    "Left-Thalamus": 100.0,
    "Left-Hippocampus": 50.0,
    "ctx-lh-superiorfrontal": 100.0,
}
"""A median below says that the unit is not mm3: an adult human has 20 to 100 times as much, and the same
number in mL lies below."""
_MOST_MM3 = 1e9
_SEGMENTED_HEAD = ("stiv", "segmentedtotalintracranialvol")
_SYNTHSEG_ONLY = "total intracranial"
_SHOWN = 20


#: What a methods section says of volumes that came in a table of another program.
METHODS: Mapping[str, str] = MappingProxyType(
    {
        "synthseg": "Regional volumes come from SynthSeg [@Billot2023].",
        "freesurfer": "Regional volumes come from FreeSurfer [@Fischl2002; @Desikan2006].",
    }
)


class VolumeTable(NamedTuple):
    """A table taken apart, its rows still aligned; the index holds the lines of the file.

    `volumes` (mm3) has structure names and ``TIV`` as columns, `qc` SynthSeg's groups (0 to 1) or is None,
    `rest` holds the other columns as text or numbers, and `reason` says why a row cannot be used, or is
    empty.
    """

    volumes: pd.DataFrame
    qc: pd.DataFrame | None
    rest: pd.DataFrame
    segmenter: str
    notes: tuple[Note, ...]
    reason: pd.Series


def read_volume_table(
    path: str | os.PathLike[str], *, unit: str | None = None, encoding: str | None = None
) -> VolumeTable:
    """Read a table of volumes.

    Parameters
    ----------
    path : path-like
        SynthSeg's ``--vol`` or ``--qc`` CSV, asegstats2table, aparcstats2table, or a table merged from these.
    unit : {None, "mm3", "mL"}
        Of the volumes; None means mm3, and refuses what looks otherwise.
    encoding : str or None
        As in `read_raw_table`.

    Returns
    -------
    VolumeTable

    Raises
    ------
    DataError
        When the file is no table, or a volume is text, or the unit is not mm3.
    """
    raw = read_raw_table(path, encoding=encoding, is_text=is_text_column)
    table = split_volume_table(raw.frame, source=str(path), unit=unit)
    return table._replace(notes=(*raw.notes, *table.notes))


def split_volume_table(raw: pd.DataFrame, *, source: str, unit: str | None = None) -> VolumeTable:
    """Take a raw table apart into volumes, quality scores and the rest.

    Parameters
    ----------
    raw : DataFrame
        From `read_raw_table`; its index holds the lines of the file.
    source : str
        File, for messages.
    unit : {None, "mm3", "mL"}
        As in `read_volume_table`.

    Returns
    -------
    VolumeTable
        Rows with negative or infinite volumes, or with nothing but zeros, keep their place with NaN and a
        reason.

    Raises
    ------
    DataError
        When a volume is text, or the unit is not mm3.
    """
    if unit is not None and unit not in UNITS:
        raise DataError(f"volume unit {unit!r} is unknown; use mm3 or mL")
    groups = _qc_columns(raw)
    headers = {str(name): _structure_of(str(name)) for name in raw.columns if str(name) not in groups}
    names = {header: name for header, name in headers.items() if name is not None}
    notes: list[Note] = []
    names = _without_second_head_size(raw, names, notes)
    names = _without_twins(raw, names, source, notes)
    volumes = _numbers(raw, names, source)
    volumes = _without_empty_extras(volumes, notes)
    reason = _unusable(volumes, notes)
    volumes = volumes.mask(reason != "")
    volumes = _in_mm3(volumes, unit, source, notes)
    volumes = _without_single_zeros(volumes, notes)
    heads = implausible_heads(volumes, source=source, is_unit_stated=unit is not None)
    reason = _mark_heads(reason, heads, notes)
    volumes = volumes.mask(reason != "")
    notes += parcel_sum_notes(volumes)
    qc = _numbers(raw, groups, source) if groups else None
    if qc is not None:
        _check_qc(qc, source)
    rest = raw[[name for name in raw.columns if headers.get(str(name)) is None and str(name) not in groups]]
    return VolumeTable(volumes, qc, rest, _segmenter(names, source), tuple(notes), reason)


def _structure_of(header: str) -> str | None:
    return canonical_name(header.removeprefix("vol_"))


def _qc_columns(raw: pd.DataFrame) -> dict[str, str]:
    """Header -> group. Without the prefix, `thalamus` is a score only beside `general white matter`."""
    headers = [str(name) for name in raw.columns]
    short_names = {name: name.removeprefix("qc_") for name in headers if name.startswith("qc_")}
    if short_names or QC_GROUPS[0] not in headers:
        return short_names
    return {name: name for name in headers if name in QC_GROUPS}


def _without_second_head_size(raw: pd.DataFrame, names: dict[str, str], notes: list[Note]) -> dict[str, str]:
    """Settle which column is head size where FreeSurfer 8 writes a segmented one beside its estimate."""
    header = next((str(name) for name in raw.columns if plain(str(name)) in _SEGMENTED_HEAD), None)
    if header is None:
        return names
    is_zero = not (as_numbers(raw[header]).fillna(0) != 0).any()
    first = next((other for other, name in names.items() if name == TIV and other != header), None)
    because = (
        "it is zero in every row" if is_zero else f"{first!r} is head size; remove that to use the other"
    )
    if first is None and not is_zero:
        notes.append(Note("coerced", header, 1, "", f"{header!r} is read as head size, as segmented"))
        return {**names, header: TIV}
    notes.append(Note("ignored", header, 1, "", f"{header!r} is not used, because {because}"))
    return {other: name for other, name in names.items() if other != header}


def _without_twins(
    raw: pd.DataFrame, names: dict[str, str], source: str, notes: list[Note]
) -> dict[str, str]:
    """Keep the first of several columns that say the same of one structure; refuse them when they differ."""
    headers_by_name: dict[str, str] = {}
    for header, name in names.items():
        twin = headers_by_name.get(name)
        if twin is None:
            headers_by_name[name] = header
        elif _same(raw[twin], raw[header]):
            message = f"{header!r} repeats {twin!r} ({name}) and was dropped"
            notes.append(Note("ignored", header, 1, "", message))
        else:
            raise DataError(
                f"{source}: columns {twin!r} and {header!r} both give {name} and differ; remove one of them"
            )
    return {header: name for name, header in headers_by_name.items()}


def _same(first: pd.Series, second: pd.Series) -> bool:
    """Equal, up to the rounding of printed tables."""
    return bool(np.allclose(as_numbers(first), as_numbers(second), rtol=1e-6, atol=0.05, equal_nan=True))


def _numbers(raw: pd.DataFrame, names: dict[str, str], source: str) -> pd.DataFrame:
    columns = {name: checked_numbers(raw[header], source) for header, name in names.items()}
    return pd.DataFrame(columns, index=raw.index, dtype=np.float64)


def _without_empty_extras(volumes: pd.DataFrame, notes: list[Note]) -> pd.DataFrame:
    """Drop minor structures that were not measured: FreeSurfer writes zero for everybody.

    A main structure that is zero for everybody stays: that is a finding.
    """
    minor = [name for name in volumes.columns if _is_minor(name)]
    empty = [name for name in minor if not (volumes[name].fillna(0) != 0).any()]
    if empty:
        message = f"minor structures that are zero for everybody dropped: {', '.join(empty)}"
        notes.append(Note("ignored", empty[0], 1, "0", message))
    return volumes.drop(columns=empty)


def _is_minor(name: str) -> bool:
    entry = find_structure(name)
    return entry is not None and entry.atlas == "extra"


def _unusable(volumes: pd.DataFrame, notes: list[Note]) -> pd.Series:
    """Reason why a row cannot be used, or empty text."""
    reason = pd.Series("", index=volumes.index, dtype="str")
    if volumes.empty:
        return reason
    values = volumes.to_numpy()
    reason = _mark(reason, np.isnan(values).all(axis=1), "all volumes are missing", notes)
    reason = _mark(reason, (np.nan_to_num(values) == 0).all(axis=1), "all volumes are zero", notes)
    if TIV in volumes:
        reason = _mark(reason, (volumes[TIV] == 0).to_numpy(), "head size is zero", notes)
    reason = _mark(reason, (np.abs(values) > _MOST_MM3).any(axis=1), "a volume exceeds a cubic metre", notes)
    return _mark_negative(reason, volumes, notes)


def _without_single_zeros(volumes: pd.DataFrame, notes: list[Note]) -> pd.DataFrame:
    """Take a zero of a main structure for missing where others have a volume: no brain lacks a hippocampus.

    A main structure that is zero for everybody stays.
    """
    main = [name for name in volumes.columns if name != TIV and not _is_minor(str(name))]
    zero = (volumes[main] == 0) & (volumes[main] > 0).any()
    for name in zero.columns[zero.any()]:
        rows = zero[name]
        message = f"{name} is zero in {int(rows.sum())} of {len(rows)} rows and counts as missing there"
        notes.append(Note("warning", str(name), int(rows.index[rows][0]), "0", message))
    return volumes.assign(**{name: volumes[name].mask(zero[name]) for name in zero.columns[zero.any()]})


def _mark_heads(reason: pd.Series, heads: pd.Series, notes: list[Note]) -> pd.Series:
    for why in heads[heads != ""].unique():
        reason = _mark(reason, (heads == why).to_numpy(), str(why), notes)
    return reason


def _mark_negative(reason: pd.Series, volumes: pd.DataFrame, notes: list[Note]) -> pd.Series:
    negative = volumes.to_numpy() < 0
    rows = np.flatnonzero(negative.any(axis=1) & (reason == "").to_numpy())
    if not rows.size:
        return reason
    columns = negative[rows].argmax(axis=1)
    values = volumes.to_numpy()[rows, columns]
    names = volumes.columns[columns]
    texts = [f"a volume is negative: {name} is {value:g}" for name, value in zip(names, values, strict=True)]
    message = f"{rows.size} of {len(volumes)} rows excluded: a volume is negative"
    notes.append(Note("excluded", str(names[0]), int(volumes.index[rows[0]]), f"{values[0]:g}", message))
    reasons = reason.to_numpy(dtype=object)
    reasons[rows] = texts
    return pd.Series(reasons, index=reason.index, dtype="str")


def _mark(reason: pd.Series, rows: np.ndarray, why: str, notes: list[Note]) -> pd.Series:
    rows = rows & (reason == "").to_numpy()
    if rows.any():
        message = f"{int(rows.sum())} of {len(reason)} rows excluded: {why}"
        notes.append(Note("excluded", "", int(reason.index[rows][0]), "", message))
    return reason.mask(rows, why)


def _in_mm3(volumes: pd.DataFrame, unit: str | None, source: str, notes: list[Note]) -> pd.DataFrame:
    if unit == "mL":
        notes.append(Note("coerced", "", 1, "", "all volumes converted from mL to mm3"))
    amounts = volumes * UNITS[unit or "mm3"]
    for name, least in _LEAST_MM3.items():
        intracranial = (
            amounts[name].dropna() if name in amounts and unit is None else pd.Series(dtype=np.float64)
        )
        median = intracranial.median() if len(intracranial) else np.nan
        if 0 < median < least:
            raise DataError(
                f"{source}: the median of {name} is {median:g}, too small for mm3; if the table is in mL, "
                "say so with "
                "volume_unit='mL'; shares of head size are no volumes (if it is mm3 after all, "
                "volume_unit='mm3')"
            )
    return amounts


def _check_qc(qc: pd.DataFrame, source: str) -> None:
    bad = (qc < 0) | (qc > 1)
    if bad.to_numpy().any():
        line = qc.index[bad.any(axis=1)][0]
        name = qc.columns[bad.loc[line]][0]
        raise DataError(
            f"{source}: line {line}: quality score {name!r} is {qc.loc[line, name]:g}; expected 0 to 1, "
            "correct it"
        )


def _segmenter(names: dict[str, str], source: str) -> str:
    """Whose naming scheme it is; our own tables and mixtures do not say."""
    headers = [header.removeprefix("vol_") for header in names]
    synthseg = sum(_is_synthseg(header, name) for header, name in zip(headers, names.values(), strict=True))
    freesurfer = sum(
        _is_freesurfer(header, name) for header, name in zip(headers, names.values(), strict=True)
    )
    if synthseg and not freesurfer:
        return "synthseg"
    if not freesurfer or synthseg or TIV in headers:
        return "unknown"
    return "fastsurfer" if is_fastsurfer(source, list(names.values())) else "freesurfer"


def _is_synthseg(header: str, name: str) -> bool:
    entry = find_structure(name)
    own = _SYNTHSEG_ONLY if name == TIV else entry.synthseg if entry else ""
    return header == own and header != name


def _is_freesurfer(header: str, name: str) -> bool:
    if name == TIV:
        return header in TIV_ALIASES and header != _SYNTHSEG_ONLY
    entry = find_structure(name)
    return entry is not None and header != entry.synthseg
