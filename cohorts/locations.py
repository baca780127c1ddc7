"""Where the parts of a cohort lie: a BIDS folder, a flat folder, or tables named one by one."""

import csv
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from plausibrain.cohorts.errors import DataError, PlausibrainError
from plausibrain.cohorts.parquet_tables import PARQUET, column_names
from plausibrain.cohorts.structures import canonical_name
from plausibrain.cohorts.text_files import require_regular_file

IMAGE_ENDINGS = (".nii.gz", ".nii", ".mgz", ".mgh")
_LONGEST_HEADER = 1_000_000
_T1W = ("_T1w.nii.gz", "_T1w.nii")
_TABLES = (".tsv", ".csv", ".txt", ".parquet")
_ENTITIES = re.compile(r"[A-Za-z]+=[A-Za-z0-9]+(?:,[A-Za-z]+=[A-Za-z0-9]+)*")
Tables = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
_PARTICIPANTS = ("participants.tsv", "participants.csv", "participants.parquet")


@dataclass(frozen=True)
class Locations:
    """Files of a cohort.

    Parameters
    ----------
    subjects : Path
        Table of subjects, perhaps with their volumes.
    volumes : tuple of Path
        Tables apart, of the same images; empty when there are none.
    qc : Path or None
        A table apart.
    images : tuple of Path
        Image files, sorted; empty when there are none.
    folder : Path or None
        The folder in which images were looked for.
    """

    subjects: Path
    volumes: tuple[Path, ...] = ()
    qc: Path | None = None
    images: tuple[Path, ...] = ()
    folder: Path | None = None


def locate(
    path: Path,
    *,
    participants: str | os.PathLike[str] | None = None,
    volumes: Tables | None = None,
    qc: str | os.PathLike[str] | None = None,
    images: str | None = None,
) -> Locations:
    """Find the files of a cohort.

    Parameters
    ----------
    path : Path
        Folder or table.
    participants, qc : path-like or None
        Tables that lie elsewhere.
    volumes : path-like, sequence of path-like, or None
        One table, or several of the same images.
    images : str or None
        Pattern below the folder, or BIDS entities such as ``acq=mprage``.

    Returns
    -------
    Locations

    Raises
    ------
    DataError
        When the path does not exist, a folder has no table of subjects or several, or the pattern finds
        nothing.
    """
    tables = _tables(volumes)
    scores = None if qc is None else Path(qc)
    subjects = None if participants is None else Path(participants)
    if path.is_dir():
        image_paths = find_images(path, images)
        table = subjects or _subjects_table(path)
        tables = tables or _derived_volumes(path)
        return Locations(table, tables, scores or _sibling_qc(tables), image_paths, path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; check the path")
    if subjects is not None and not tables:
        tables = (path,)
    return Locations(subjects or path, tables, scores)


def _tables(tables: Tables | None) -> tuple[Path, ...]:
    if tables is None:
        return ()
    return (Path(tables),) if isinstance(tables, str | os.PathLike) else tuple(Path(path) for path in tables)


def find_images(folder: Path, pattern: str | None = None) -> tuple[Path, ...]:
    """Find the T1-weighted images of a folder.

    Parameters
    ----------
    folder : Path
        BIDS (``sub-*/[ses-*/]anat/*_T1w.nii[.gz]``) or flat.
    pattern : str or None
        Where the usual places do not fit, for example ``*_SS.nii.gz``; or BIDS entities that choose among the
        images of the usual places, for example ``acq=mprage,run=1``.

    Returns
    -------
    tuple of Path
        Sorted. In a flat folder, only ``*_T1w.nii[.gz]`` where there are any, else every image.

    Raises
    ------
    DataError
        When the pattern finds no image.
    """
    if pattern is not None and _ENTITIES.fullmatch(pattern):
        return _with_entities(find_images(folder), pattern, folder)
    if pattern is not None:
        try:
            paths = tuple(sorted(path for path in folder.glob(pattern) if path.name.endswith(IMAGE_ENDINGS)))
        except (ValueError, NotImplementedError) as error:
            raise DataError(f"{folder}: {pattern!r} is no pattern below a folder ({error})") from error
        if not paths:
            raise DataError(
                f"{folder}: no image fits the pattern {pattern!r}; images end in .nii, .nii.gz or .mgz"
            )
        return paths
    bids = tuple(sorted(_bids_images(folder)))
    if bids:
        return bids
    flat = sorted(path for path in folder.iterdir() if path.name.endswith(IMAGE_ENDINGS))
    return tuple([path for path in flat if path.name.endswith(_T1W)] or flat)


def _with_entities(images: tuple[Path, ...], entities: str, folder: Path) -> tuple[Path, ...]:
    tags = [
        f"_{entity}-{label}_" for entity, _, label in (pair.partition("=") for pair in entities.split(","))
    ]
    matches = tuple(path for path in images if all(tag in f"_{image_stem(path)}_" for tag in tags))
    if not matches:
        examples = ", ".join(path.name for path in images[:4]) or "none"
        raise DataError(f"{folder}: no image has {entities}; there are {examples}")
    return matches


def image_stem(path: Path) -> str:
    """File name without its image ending.

    Parameters
    ----------
    path : Path
        Image file.

    Returns
    -------
    str
    """
    ending = next((e for e in IMAGE_ENDINGS if path.name.lower().endswith(e)), "")
    return path.name[: len(path.name) - len(ending)]


def _bids_images(folder: Path) -> Iterator[Path]:
    """Three levels by hand: quick where a folder holds 100,000 subjects."""
    for subject in _folders(folder, "sub-"):
        for visit in (subject, *_folders(subject, "ses-")):
            anat = Path(visit) / "anat"
            if anat.is_dir():
                yield from (path for path in anat.iterdir() if path.name.endswith(_T1W))


def _folders(folder: str | Path, prefix: str) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.path for entry in entries if entry.name.startswith(prefix) and entry.is_dir()]


def _subjects_table(folder: Path) -> Path:
    for name in _PARTICIPANTS:
        if (folder / name).is_file():
            return folder / name
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() in _TABLES and path.is_file())
    if len(tables) == 1:
        return tables[0]
    listing = f"found {', '.join(path.name for path in tables[:10])}" if tables else "found no table"
    raise DataError(
        f"{folder}: expected participants.tsv or one table of subjects with id, age and sex; {listing}; "
        "name it with participants=..."
    )


def _derived_volumes(folder: Path) -> tuple[Path, ...]:
    """Return the one volume table below ``derivatives``, if there is exactly one."""
    candidates = sorted(
        path for path in (folder / "derivatives").glob("*/*") if path.suffix.lower() in _TABLES
    )
    tables = [path for path in candidates if path.stem != "qc" and _names_structures(path)]
    if len(tables) > 1:
        raise DataError(
            f"{folder}: several volume tables "
            f"({', '.join(str(path.relative_to(folder)) for path in tables[:6])}); "
            "choose one with volumes=..."
        )
    return tuple(tables)


def _sibling_qc(volumes: tuple[Path, ...]) -> Path | None:
    """Return the table of quality scores beside the volumes, if there is one."""
    names = ("qc.tsv", "qc.csv", "qc.parquet")
    beside = (table.with_name(name) for table in volumes for name in names)
    return next((path for path in beside if path.is_file()), None)


def _header_of(path: Path) -> list[str]:
    with require_regular_file(path).open(encoding="utf-8-sig", newline="") as stream:
        header = stream.readline(_LONGEST_HEADER)
    return next(csv.reader([header], delimiter="\t" if "\t" in header else ","), [])


def _names_structures(path: Path) -> bool:
    try:
        names = column_names(path) if path.suffix.lower() == PARQUET else _header_of(path)
    except (OSError, UnicodeDecodeError, PlausibrainError):
        return False
    return sum(canonical_name(name.strip().removeprefix("vol_")) is not None for name in names) >= 3
