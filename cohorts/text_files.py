"""Text from files of others: regular files only, of a bounded size, and YAML and JSON without traps.

A named pipe or a device as a path would block or never end; aliases of YAML let nine short lines stand for a
billion values; a key that stands twice hides one of its values. All of it is refused in one sentence.
"""

import json
import stat
from pathlib import Path
from typing import Any

import yaml

from plausibrain.cohorts.errors import DataError

#: Larger than any configuration, record or scorecard that is written by hand or by us.
MAX_SETTINGS_BYTES = 50_000_000
_MAX_YAML_BYTES = 1_000_000
_MAX_DEPTH = 20
_MAX_SHOWN = 80


def require_regular_file(path: Path, *, max_bytes: int | None = None) -> Path:
    """Return the path when it is a regular file (or a link to one) of at most `max_bytes`.

    Parameters
    ----------
    path : Path
        Any path.
    max_bytes : int or None
        None accepts every size.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        When there is nothing; the caller knows what should have been there.
    DataError
        For folders, named pipes, devices, sockets, links that lead in a circle, and files that are too large.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise DataError(f"{str(path)!r}: cannot be read ({_why(error)}); check the path") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, device or socket"
        raise DataError(f"{path}: cannot be read (is {kind}); give the path of a regular file")
    if max_bytes is not None and status.st_size > max_bytes:
        raise DataError(
            f"{path}: has {status.st_size:,} bytes, at most {max_bytes:,} are read; check the path"
        )
    return path


def read_text(path: Path, *, max_bytes: int = MAX_SETTINGS_BYTES) -> str:
    """Return the text of a regular UTF-8 file.

    Raises
    ------
    FileNotFoundError
        When there is nothing.
    DataError
        When it is no regular file, is too large, may not be read, or is not UTF-8.
    """
    require_regular_file(path, max_bytes=max_bytes)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start} is not UTF-8 and not readable as text; save the file as UTF-8"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({_why(error)})") from None


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises
    ------
    FileNotFoundError
        When there is nothing.
    DataError
        When it is no readable JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not readable JSON ({_why(error)[:200]})") from None


def require_object(content: object, path: Path) -> dict[str, Any]:
    """Return what a JSON file holds when it is one object.

    Raises
    ------
    DataError
        When it is anything else.
    """
    if not isinstance(content, dict):
        raise DataError(f"expected one JSON object in {path}, but it holds a {type(content).__name__}")
    return content


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file that uses no alias and no key twice.

    Raises
    ------
    FileNotFoundError
        When there is nothing.
    DataError
        When it is no readable YAML, nested more than 20 levels deep, or larger than 1 MB.
    """
    text = read_text(path, max_bytes=_MAX_YAML_BYTES)
    try:
        _check_events(text, path)
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 -- a SafeLoader that refuses more
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise DataError(f"{path}: is not readable YAML ({' '.join(_why(error).split())[:300]})") from None


def shown(value: object) -> str:
    """Return a value as text for a message, cut when it is long."""
    text = _short(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _short(value: object) -> str:
    if isinstance(value, dict | list | tuple | set):
        return f"{type(value).__name__} of {len(value)}"
    return repr(value)


def _check_events(text: str, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise DataError(f"{path}: uses the alias *{event.anchor}; write the value out instead")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise DataError(f"{path}: is nested more than {_MAX_DEPTH} levels deep; no configuration is")


class _StrictLoader(yaml.SafeLoader):
    """Loader of plain data that refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            line = node.start_mark.line + 1
            raise DataError(f"the key {shown(twice)} stands twice (in the part from line {line} on)")
        return super().construct_mapping(node, deep=deep)


def _why(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
