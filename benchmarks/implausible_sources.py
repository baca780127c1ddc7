"""The battery of implausible images as sources that a store can keep."""

from collections.abc import Sequence

import numpy as np

from benchmarks.implausible_kinds import FURTHER, KINDS, Sound
from makers.scan_sources import ScanSource
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import Store
from plausibrain.cohorts.volumes import Volume, to_canonical

_FORM = 2


def implausible_sources(
    scans: Sequence[ScanSource], store: Store, *, n: int, kinds: Sequence[str] = ()
) -> list[tuple[str, ScanSource]]:
    """Return kind and source of every implausible copy; the second head is the next scan of the list.

    Parameters
    ----------
    scans : sequence of ScanSource
        Of one group.
    store : Store
    n : int
        Copies are made of the first n scans.
    kinds : sequence of str
        All kinds that were known when the checks were designed, where nothing is said.
    """
    wanted = kinds or [name for name in KINDS if name not in FURTHER]
    return [
        (name, _copy(scan, scans[(place + 1) % len(scans)], name, place, store))
        for name in wanted
        for place, scan in enumerate(scans[:n])
    ]


def _copy(scan: ScanSource, other: ScanSource, name: str, seed: int, store: Store) -> ScanSource:
    def make_image() -> Volume:
        both = _sound(scan, store), _sound(other, store)
        return KINDS[name](*both, np.random.default_rng(seed))

    identity = ("implausible", name, scan.identity, other.identity, seed, _FORM)
    return ScanSource(scan.group, scan.name, identity, make_image, scan.answer_mm)


def _sound(source: ScanSource, store: Store) -> Sound:
    labels = source.segmented(store).result.labels
    if labels is None:
        raise DataError(f"{source.name} was not segmented")
    return Sound(to_canonical(source.make_image()), labels.data)
