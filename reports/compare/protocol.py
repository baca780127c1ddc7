"""Whether two runs may be compared at all, and which subjects they share."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.reports.baseline_snapshot import Side, Snapshot

ABSENT = "(absent)"
SHOWN = 60  # characters of a value in a message
Sharing = Literal["same", "other", "unknown"]


@dataclass(frozen=True)
class Pairing:
    """What two runs have in common, and whether their draws are joined one to one."""

    reference: Sharing
    generated: Sharing
    aligned: bool

    @property
    def sentence(self) -> str:
        """State in words what is shared and what follows for the intervals."""
        return f"{_REFERENCE[self.reference]} {_GENERATED[self.generated]} {_ALIGNED[self.aligned]}"


_REFERENCE = {
    "same": "The reference subjects are the same in both runs.",
    "other": "The reference data differ between the runs.",
    "unknown": "Whether the reference data are the same is not recorded.",
}
_GENERATED = {
    "same": "The generated subjects have the same ids in both (paired: same metadata rows and seeds).",
    "other": "The generated subjects differ.",
    "unknown": "Whether the generated subjects are the same is not recorded.",
}
_ALIGNED = {
    True: "Draws are compared one to one, so what the runs share cancels in their difference.",
    False: "Draws are compared as independent, so nothing cancels and intervals are wide.",
}


def protocol_differences(
    first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = ""
) -> list[tuple[str, str, str]]:
    """List the fields in which two protocols differ.

    Parameters
    ----------
    first, second : mapping
        ``protocol`` of two ``run.json``, nested.
    prefix : str
        Path of the mapping inside the protocol.

    Returns
    -------
    list of (field, first value, second value)
        Field names joined with dots, values as text; empty when the protocols are equal.

    Examples
    --------
    >>> protocol_differences({"draws": {"n": 2000}}, {"draws": {"n": 500}})
    [('draws.n', '2000', '500')]
    """
    rows: list[tuple[str, str, str]] = []
    for key in sorted({*first, *second}):
        one, other = first.get(key, ABSENT), second.get(key, ABSENT)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            rows += protocol_differences(one, other, f"{prefix}{key}.")
        elif one != other:
            rows.append((f"{prefix}{key}", *_told_apart(one, other)))
    return rows


def _told_apart(one: object, other: object) -> tuple[str, str]:
    """Two values as text; of two lists what only one of them holds, as their beginnings may be the same."""
    if isinstance(one, list) and isinstance(other, list):
        only = [[item for item in a if item not in b] for a, b in ((one, other), (other, one))]
        if any(only):
            return f"{len(one)} items{_only(only[0])}", f"{len(other)} items{_only(only[1])}"
        return f"{len(one)} items", "the same in another order"
    return _shown(one), _shown(other)


def _only(items: list[object]) -> str:
    return f" (only here: {_shown(', '.join(map(str, items)))})" if items else ""


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def require_same_protocol(first: Snapshot, second: Snapshot) -> None:
    """Refuse two runs whose numbers do not mean the same.

    Raises
    ------
    DataError
        The fingerprints differ, or a run has none; the message lists each field that differs.
    """
    one, other = first.facts, second.facts
    for snapshot in (first, second):
        if not snapshot.facts.fingerprint:
            raise DataError(
                f"{snapshot.source} states no protocol fingerprint, so nothing says how its numbers were "
                "made: "
                "repeat the run with this version"
            )
    if one.fingerprint == other.fingerprint:
        return
    rows = protocol_differences(one.protocol, other.protocol)
    lines = [f"  {field}: {a} in {first.name}, {b} in {second.name}" for field, a, b in rows] or [
        f"  fingerprint: {one.fingerprint} in {first.name}, {other.fingerprint} in {second.name} "
        "(the recorded protocol fields are equal)"
    ]
    raise DataError(
        f"{first.source} and {second.source} were measured by different protocols, so their numbers cannot "
        "be "
        "compared. They differ in\n"
        + "\n".join(lines)
        + "\nRepeat one of them with the settings of the other."
    )


def pairing(first: Snapshot, second: Snapshot) -> Pairing:
    """Tell which subjects two runs share, from the hashes they recorded, and whether draws may be joined."""
    reference = _sharing(first.facts.reference, second.facts.reference)
    generated = _subjects(first.facts.generated, second.facts.generated)
    has_draws = first.draws is not None and second.draws is not None
    return Pairing(reference, generated, aligned=has_draws and reference == "same")


def _sharing(first: Side, second: Side) -> Sharing:
    if not first.content_hash or not second.content_hash:
        return "unknown"
    return "same" if first.content_hash == second.content_hash else "other"


def _subjects(first: Side, second: Side) -> Sharing:
    if not first.subjects_hash or not second.subjects_hash:
        return "unknown"
    return "same" if first.subjects_hash == second.subjects_hash else "other"


def joint_draws(snapshots: Sequence[Snapshot]) -> list[pd.DataFrame | None]:
    """Bring the draws of several runs onto the same rows.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        The runs; the first is the one whose reference the others are held against.

    Returns
    -------
    list of DataFrame or None
        Per run its draws, (B, K), with the same B rows in all; None for a run without draws. Runs on another
        reference than the first have their rows in random order (seeded by their place), so that draws which
        happen to share a row number are independent.
    """
    present = [snapshot.draws for snapshot in snapshots if snapshot.draws is not None]
    if not present:
        return [None for _ in snapshots]
    common = present[0].index
    for draws in present[1:]:
        common = common.intersection(draws.index)
    return [
        None
        if snapshot.draws is None
        else _ordered(snapshot.draws.loc[common], _order_seed(snapshots, place))
        for place, snapshot in enumerate(snapshots)
    ]


def _order_seed(snapshots: Sequence[Snapshot], place: int) -> int | None:
    """Seed of the random order; None keeps it. Runs on one reference get one order, so they stay joined."""
    if place == 0 or pairing(snapshots[0], snapshots[place]).reference == "same":
        return None
    content = snapshots[place].facts.reference.content_hash
    return zlib.crc32(content.encode()) if content else place


def _ordered(draws: pd.DataFrame, seed: int | None) -> pd.DataFrame:
    if seed is None:
        return draws
    order = np.random.default_rng(seed).permutation(len(draws))
    return draws.iloc[order].set_axis(draws.index)
