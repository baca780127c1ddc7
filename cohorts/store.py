"""Files that are either whole or absent: atomic writes, and results kept under a key of what made them."""

import hashlib
import json
import os
import platform
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.text_files import require_regular_file

Writer = Callable[[Path], object]
_TEMPORARY = ".tmp-"
#: Age, in seconds, from which a temporary file of another machine belongs to nobody: none is written so long.
_ABANDONED_S = 86_400.0


def hash_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content as 64 hexadecimal digits.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    str

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    try:
        with require_regular_file(Path(path)).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or 'no such file'}); check the path and its permissions"
        ) from error


def write_atomic(path: str | os.PathLike[str], writer: Writer) -> Path:
    """Write a file so that, whatever happens, the path holds the old content or the whole new one.

    Parameters
    ----------
    path : path-like
        Where the file shall be; its folder is made when missing.
    writer : callable
        Receives the path of a temporary file in the same folder, with the same ending, and writes it.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    DataError
        When the writer leaves no file.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{_TEMPORARY}{_owner(os.getpid())}-{uuid.uuid4().hex}-{target.name[-40:]}")
    try:
        writer(temporary)
        if not temporary.is_file():
            raise DataError(f"{target}: its writer wrote no file at the path it was given")
        _flush(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def write_text_atomic(path: str | os.PathLike[str], text: str) -> Path:
    """Write text (UTF-8) atomically; see `write_atomic`.

    Parameters
    ----------
    path : path-like
        Where the file shall be.
    text : str
        Its content, line ends kept.

    Returns
    -------
    Path
    """
    return write_atomic(path, lambda temporary: temporary.write_bytes(text.encode("utf-8")))


class Store:
    """Results on disk, each under a key of everything that made it.

    A second run asks `get` first and so repeats nothing. Entries appear whole or not at all, so several
    processes may share one store: when two write the same key, both wrote the same content and either may
    stay.

    Parameters
    ----------
    folder : path-like
        Made when missing.

    Examples
    --------
    >>> store = Store("cache")                                          # doctest: +SKIP
    >>> key = store.key(hash_file("a.nii.gz"), "volume", {"version": 1})  # doctest: +SKIP
    >>> path = store.get(key, ".npy") or store.put(key, ".npy", write)   # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    @staticmethod
    def key(*parts: Any) -> str:
        """Key of a result: 64 hexadecimal digits that change with any part, its type or its place.

        Parameters
        ----------
        *parts
            Strings, numbers, booleans, None, bytes, numpy arrays, and lists, tuples and mappings of them. A
            file is named by its `hash_file`, never by its path.

        Returns
        -------
        str

        Raises
        ------
        DataError
            For a part of another type.
        """
        text = json.dumps([_plain(part) for part in parts], separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def get(self, key: str, suffix: str) -> Path | None:
        """Path of an entry, or None when it is not there.

        Parameters
        ----------
        key, suffix : str
            From `key`, and the ending of the file such as ``.npy``.

        Returns
        -------
        Path or None
        """
        path = self._path(key, suffix)
        return path if path.is_file() else None

    def put(self, key: str, suffix: str, writer: Writer) -> Path:
        """Write an entry atomically.

        Parameters
        ----------
        key, suffix : str
            As in `get`.
        writer : callable
            As in `write_atomic`.

        Returns
        -------
        Path
            Where the entry is.
        """
        return write_atomic(self._path(key, suffix), writer)

    def put_text(self, key: str, suffix: str, text: str) -> Path:
        """Write an entry of text (UTF-8) atomically; see `put`."""
        return self.put(key, suffix, lambda path: path.write_bytes(text.encode("utf-8")))

    def sweep(self) -> int:
        """Remove temporary files that killed processes left behind, and none that a live process writes.

        A file of a process of another machine is removed when it is a day old.

        Returns
        -------
        int
            How many were removed.
        """
        stale = [path for path in self.folder.rglob(f"{_TEMPORARY}*") if _is_abandoned(path)]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def _path(self, key: str, suffix: str) -> Path:
        if not key.isalnum() or len(key) < 3 or "/" in suffix or os.sep in suffix:
            raise DataError(f"{key!r} with ending {suffix!r} names no entry; make the key with Store.key")
        return self.folder / key[:2] / f"{key}{suffix}"


def _owner(process: int) -> str:
    """Name a process of this machine, as temporary files are named after it."""
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    return f"{host}.{process}"


def _is_abandoned(temporary: Path) -> bool:
    host, dot, process = temporary.name.removeprefix(_TEMPORARY).partition("-")[0].partition(".")
    if dot and process.isdecimal() and _owner(int(process)) == f"{host}.{process}":
        return not _is_alive(int(process))
    try:
        return temporary.stat().st_mtime < time.time() - _ABANDONED_S
    except FileNotFoundError:
        return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it lives, and belongs to somebody else
        return True
    return True


def _flush(path: Path) -> None:
    """Push the content to the disk before the rename, so that a power cut leaves no empty file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(part: Any) -> Any:
    """Turn the part into JSON, with a tag for every type that JSON would blur."""
    if isinstance(part, np.generic):
        part = part.item()
    if part is None or isinstance(part, str | bool | int | float):
        return part
    if isinstance(part, bytes):
        return {"bytes": hashlib.sha256(part).hexdigest()}
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        content = hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()
        return {"array": [part.dtype.str, list(part.shape), content]}
    if isinstance(part, Mapping):
        return {"mapping": sorted(([_plain(name), _plain(value)] for name, value in part.items()), key=repr)}
    if isinstance(part, list | tuple):
        return [_plain(value) for value in part]
    raise DataError(
        f"a key cannot hold {part!r} ({type(part).__name__}); give text, numbers or a file's hash"
    )
