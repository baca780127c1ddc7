"""Refuse a place that cannot be written to before any work is done, not after it."""

import os
from pathlib import Path

from plausibrain.cohorts.errors import DataError


def writable_folder(path: Path | None) -> Path | None:
    """Return the path of a folder that exists or can be made and written to; None stays None.

    Raises
    ------
    DataError
        When the path, or the nearest part of it that exists, is a file or may not be written to.
    """
    if path is None:
        return None
    place = next(one for one in (path.absolute(), *path.absolute().parents) if os.path.lexists(one))
    if not place.is_dir():
        raise DataError(f"expected a folder to write, {path}, but {place} is a file")
    if not os.access(place, os.W_OK | os.X_OK):
        raise DataError(f"expected a folder to write, {path}, but {place} may not be written to")
    return path


def writable_file(path: Path | None) -> Path | None:
    """Return the path of a file that can be written or replaced; None stays None.

    Raises
    ------
    DataError
        When the path is a folder, or its folder may not be written to.
    """
    if path is None:
        return None
    if path.is_dir():
        raise DataError(f"expected a file to write, but {path} is a folder")
    writable_folder(path.absolute().parent)
    return path
