"""Similarity of pairs of images of one cohort: few images in memory, every pair kept in a store."""

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from plausibrain.cohorts.arithmetic import image_threads
from plausibrain.cohorts.cohort import OK, Cohort
from plausibrain.cohorts.errors import MeasurementError, PlausibrainError
from plausibrain.cohorts.processes import spread, workers_elsewhere
from plausibrain.cohorts.store import Store
from plausibrain.evaluation.diversity.registry import SIMILARITIES, Similarity
from plausibrain.evaluation.diversity.sampling import ring_pairs
from plausibrain.evaluation.image_source import Source

#: Raise when a definition changes: stored pairs are compared again.
_VERSION = 1
#: Pairs per cohort, as many as in table 1 of the brain LDM paper.
N_PAIRS = 1000
#: Parts of the ring for each process: an image at the end of a part is prepared twice.
PARTS_AHEAD = 4
Progress = Callable[[str, int, int], None]
#: Two rows of a cohort.
Pair = tuple[int, int]
#: Values by name, and the reason where there are none.
Similarities = dict[str, object]


def all_similarities() -> list[Similarity]:
    """Return every similarity, by name."""
    return list(SIMILARITIES.discover("plausibrain.evaluation.diversity.similarities"))


class Comparison:
    """Compares pairs; holds the last few images, prepared for every similarity. Other processes start empty.

    Parameters
    ----------
    sources : sequence of (Source or None)
        By row.
    store : Store
        Where finished pairs are kept.
    voxel_mm : float
        Of the common grid.
    most : int
        Images to hold at a time.
    """

    def __init__(self, sources: Sequence[Source | None], store: Store, voxel_mm: float, most: int) -> None:
        self.sources, self.store, self.voxel_mm, self.most = sources, store, voxel_mm, most
        self.plugins = all_similarities()
        self.settings = {plugin.name: plugin.settings for plugin in self.plugins}
        self.held: OrderedDict[int, tuple[Any, ...]] = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        store = Store(self.store.folder.absolute())
        return Comparison, (self.sources, store, self.voxel_mm, self.most)

    def __call__(self, pairs: Sequence[Pair]) -> list[Similarities]:
        """Return the similarities of pairs of rows; NaN and a reason where an image cannot be compared."""
        with image_threads():
            return [self._compare(i, j) for i, j in pairs]

    def failures(self, pairs: Sequence[Pair], reason: str) -> list[Similarities]:
        """Return what becomes of pairs that could not be compared."""
        return [{**dict.fromkeys(self.settings, np.nan), "reason": reason} for _ in pairs]

    def stored(self, pair: Pair) -> Similarities | None:
        """Return the similarities of a pair that was compared before; None where it was not."""
        try:
            path = self.store.get(self._key(*pair), ".json")
        except PlausibrainError:  # a file that is gone: the reason stands in the row of the pair
            return None
        if path is None:
            return None
        result: Similarities = json.loads(path.read_text(encoding="utf-8"))
        return result

    def _compare(self, i: int, j: int) -> Similarities:
        try:
            key = self._key(i, j)
            a, b = self._prepared(i), self._prepared(j)
        except PlausibrainError as error:
            return self.failures([(i, j)], str(error))[0]
        values = {p.name: p(x, y) for p, x, y in zip(self.plugins, a, b, strict=True)} | {"reason": ""}
        self.store.put_text(key, ".json", json.dumps(values))
        return values

    def _key(self, i: int, j: int) -> str:
        first, second = self._source(i).key, self._source(j).key
        return Store.key("pair", first, second, self.voxel_mm, self.settings, _VERSION)

    def _source(self, row: int) -> Source:
        source = self.sources[row]
        if source is None:
            raise MeasurementError("no image with labels")
        return source

    def _prepared(self, row: int) -> tuple[Any, ...]:
        if row in self.held:
            self.held.move_to_end(row)
            return self.held[row]
        brain = torch.from_numpy(self._source(row).brain(self.voxel_mm))
        if len(self.held) >= self.most:
            self.held.popitem(last=False)
        self.held[row] = tuple(plugin.prepare(brain) for plugin in self.plugins)
        return self.held[row]


def pair_table(
    cohort: Cohort,
    sources: Sequence[Source | None],
    *,
    store: Store,
    voxel_mm: float = 1.0,
    n_pairs: int = N_PAIRS,
    seed: int = 0,
    n_processes: int = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return the similarity of pairs of images of one cohort.

    Parameters
    ----------
    cohort : Cohort
        Excluded rows take no part.
    sources : sequence of (Source or None)
        Image and labels of every row.
    store : Store
        Where finished pairs are kept.
    voxel_mm : float
        Of the common grid.
    n_pairs : int
    seed : int
    n_processes : int
        0 or 1 works in this process.
    progress : callable, optional
        Called as `progress(what, done, of)`.

    Returns
    -------
    DataFrame
        Columns `first`, `second` (participant ids), one per similarity, and `reason` where they are NaN.
    """
    usable = np.flatnonzero(
        (cohort.subjects["status"] == OK).to_numpy() & np.array([s is not None for s in sources])
    )
    subjects = cohort.subjects.iloc[usable]
    by_id = usable[np.argsort(subjects["participant_id"].to_numpy(dtype=str), kind="stable")]
    clusters = cohort.subjects["subject"].to_numpy(dtype=str)[by_id]
    places = ring_pairs(clusters, n_pairs, np.random.default_rng(seed))
    pairs = [(int(by_id[i]), int(by_id[j])) for i, j in places]
    most = 1 + max(1, len(pairs) // max(1, len(by_id)))
    compare = Comparison(sources, store, voxel_mm, most)
    results = _compared(compare, pairs, n_processes, progress)
    ids = cohort.subjects["participant_id"].to_numpy(dtype=str)
    rows = [{"first": ids[i], "second": ids[j], **results[i, j]} for i, j in pairs]
    return pd.DataFrame(rows, columns=["first", "second", *compare.settings, "reason"])


def _compared(
    compare: Comparison, pairs: Sequence[Pair], n_processes: int, progress: Progress | None
) -> dict[Pair, Similarities]:
    """Return the similarities of every pair: from the store, or compared here or by other processes."""
    stored = {pair: compare.stored(pair) for pair in pairs}
    results = {pair: values for pair, values in stored.items() if values is not None}
    todo = [pair for pair in pairs if pair not in results]
    tell = progress or (lambda what, done, of: None)
    tell("similarity of pairs", len(results), len(pairs))
    for part, new in spread(compare, _parts(todo, n_processes), n_processes, failure=compare.failures):
        results.update(zip(part, new, strict=True))
        tell("similarity of pairs", len(results), len(pairs))
    return results


def _parts(pairs: Sequence[Pair], n_processes: int) -> list[Sequence[Pair]]:
    """Return neighbours on the ring, which share images, in a few parts for each process; here one by one."""
    n_workers = workers_elsewhere() or n_processes
    size = -(-len(pairs) // (PARTS_AHEAD * n_workers)) if n_workers > 1 else 1
    return [pairs[k : k + size] for k in range(0, len(pairs), max(1, size))]
