"""Checksums of what a run read and wrote, and whether the files are still the same."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import hash_file, write_text_atomic
from plausibrain.cohorts.text_files import read_json, require_regular_file
from plausibrain.config import RunConfig, Source

RECORD = "run.json"
#: Checksums of images, as `sha256sum --check` reads them.
IMAGES = "images.sha256"


def input_checksums(config: RunConfig) -> dict[str, str]:
    """Return the SHA-256 of every table that a run was given, by its path."""
    given = (config.reference, config.generated, config.training, config.independent)
    paths = sorted({path.absolute() for source in given if source is not None for path in _tables(source)})
    return {str(path): hash_file(path) for path in paths}


def _tables(source: Source) -> Iterator[Path]:
    choices = (source.path, source.participants, *(source.volumes or ()), source.qc)
    yield from (path for path in choices if path is not None and path.is_file())


def output_checksums(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files of a run folder, by their path in it."""
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in sorted(paths)}


def write_image_checksums(folder: Path, hashes: Mapping[Path, str]) -> Path | None:
    """Write the SHA-256 of every image that was read; the file is None where there was none."""
    if not hashes:
        return None
    lines = (f"{hashes[path]}  {path.absolute()}\n" for path in sorted(hashes))
    return write_text_atomic(folder / IMAGES, "".join(lines))


def verify(folder: Path) -> tuple[int, list[str]]:
    """Hash again what the record of a run lists.

    Parameters
    ----------
    folder : Path
        Run folder.

    Returns
    -------
    int
        How many files were hashed or are missing.
    list of str
        One sentence for each file that is missing or differs; empty when all are the same.

    Raises
    ------
    DataError
        When the folder is no run folder or its record lists no checksums.
    """
    files = _listed_files(folder)
    problems = []
    for path, digest, role in files:
        if not path.is_file():
            problems.append(f"{path}: {role} is missing")
        elif hash_file(path) != digest:
            problems.append(f"{path}: {role} is not the same as when the run ended")
    return len(files), problems


def _listed_files(folder: Path) -> list[tuple[Path, str, str]]:
    """Return path, checksum and role of every file; outputs never leave the folder."""
    try:
        record = read_json(folder / RECORD)
    except FileNotFoundError:
        raise DataError(f"{folder}: no {RECORD}; give the folder of a finished run") from None
    checksums = record.get("checksums") if isinstance(record, dict) else None
    if not isinstance(checksums, dict):
        raise DataError(
            f"{folder / RECORD}: lists no checksums, for an older version wrote it; repeat the run with this "
            "version"
        )
    files = [(Path(name), digest, "this input") for name, digest in _entries(checksums, "inputs")]
    root = folder.resolve()
    for name, digest in _entries(checksums, "outputs"):
        if not (root / name).resolve().is_relative_to(root):
            raise DataError(f"{folder / RECORD}: lists {name!r}, which lies outside the folder")
        files.append((folder / name, digest, "this result"))
    return files + [(path, digest, "this image") for path, digest in _images(folder / IMAGES)]


def _entries(checksums: Mapping[str, Any], part: str) -> list[tuple[str, str]]:
    entries = checksums.get(part)
    return [(str(name), str(digest)) for name, digest in (entries or {}).items()]


def _images(path: Path) -> Iterator[tuple[Path, str]]:
    if not path.is_file():
        return
    for line in require_regular_file(path).read_text(encoding="utf-8").splitlines():
        digest, separator, name = line.partition("  ")
        if separator and len(digest) == hashlib.sha256().digest_size * 2:
            yield Path(name), digest
