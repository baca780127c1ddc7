"""Who is who: ids that are safe as file names, subjects behind scans, and matching of ids between files."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from plausibrain.cohorts.errors import DataError

_MAX_LENGTH = 128
_BIDS = re.compile(r"^(?P<subject>sub-[A-Za-z0-9]+)(?P<entities>(?:_[A-Za-z]+-[A-Za-z0-9]+)*)(?:_.*)?$")
_SESSION = re.compile(r"_(ses|run)-([A-Za-z0-9]+)")
_IMAGE = re.compile(r"(?:.*[/\\])?(?P<stem>[^/\\]+?)\.(?:nii\.gz|nii|mgz|mgh)", re.IGNORECASE)
_DEFECT = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class BidsName(NamedTuple):
    """Subject (``sub-01``) and session (``2``, ``2_run-1``, or empty) that a BIDS name carries."""

    subject: str
    session: str


def safe_id(value: str, *, where: str = "") -> str:
    """Check that an id can be part of a path without leaving its folder.

    Parameters
    ----------
    value : str
        The id, as given.
    where : str
        File and line, for the message.

    Returns
    -------
    str
        The id without white space at its ends.

    Raises
    ------
    DataError
        For an empty id, path separators, ``.`` or ``..``, control characters, or more than 128 characters.

    Examples
    --------
    >>> safe_id(" sub-01 ")
    'sub-01'
    """
    text = value.strip()
    prefix = f"{where}: " if where else ""
    if not text:
        raise DataError(f"{prefix}the participant id is empty; every row needs one")
    if len(text) > _MAX_LENGTH:
        raise DataError(
            f"{prefix}participant id {text[:20]!r}… has {len(text)} characters; use at most {_MAX_LENGTH}"
        )
    if re.search(r"[/\\]", text) or text.strip(".") == "" or ".." in text or _DEFECT.search(text):
        raise DataError(
            f"{prefix}participant id {text!r} cannot be used: no slashes, no '..', no control characters; "
            "rename it"
        )
    return text


def file_stem(name: str) -> str:
    """Return the file name without folders and image ending where a name is the path of an image.

    Other names stay as they are: a path that is no image is no id, and `safe_id` refuses it.

    Examples
    --------
    >>> file_stem("/data/proj/sub-00_T1w.nii.gz"), file_stem("sub-00")
    ('sub-00_T1w', 'sub-00')
    """
    match = _IMAGE.fullmatch(name.strip())
    return name if match is None or ".." in name else match["stem"]


def bids_name(name: str) -> BidsName | None:
    """Read subject and session from a BIDS file name or id; None when it is not one.

    Parameters
    ----------
    name : str
        For example ``sub-01_ses-2_run-1_T1w``.

    Returns
    -------
    BidsName or None

    Examples
    --------
    >>> bids_name("sub-01_ses-2_run-1_T1w")
    BidsName(subject='sub-01', session='2_run-1')
    """
    match = _BIDS.match(name)
    if match is None:
        return None
    entities = dict(_SESSION.findall(match["entities"]))
    parts = [entities.get("ses", ""), f"run-{entities['run']}" if "run" in entities else ""]
    return BidsName(match["subject"], "_".join(part for part in parts if part))


def match_ids(names: Sequence[str], ids: Sequence[str]) -> np.ndarray:
    """Position in `ids` of the id that each name stands for, -1 where none does.

    A name is the id itself, or the id followed by ``_``, ``-``, ``.`` or a space and more
    (``IXI016-Guys-0828-T1`` is ``IXI016``); the longest id wins. ``sub-`` in front does not matter.

    Parameters
    ----------
    names : sequence of str
        File stems, or ids of another table.
    ids : sequence of str
        Unique ids.

    Returns
    -------
    ndarray of int, (len(names),)

    Examples
    --------
    >>> match_ids(["sub-01_ses-1_T1w", "02", "x"], ["sub-01", "sub-02"]).tolist()
    [0, 1, -1]
    """
    positions = {_bare(identifier): position for position, identifier in enumerate(ids)}
    positions |= {identifier: position for position, identifier in enumerate(ids)}
    return np.array([_match(name, positions) for name in names], dtype=np.intp)


def _match(name: str, positions: Mapping[str, int]) -> int:
    for candidate in (name, _bare(name)):
        while candidate:
            if candidate in positions:
                return positions[candidate]
            candidate = re.sub(r"(^|[_\-. ])[^_\-. ]*$", "", candidate)
    return -1


def _bare(name: str) -> str:
    return name.removeprefix("sub-")
