"""Similarity of pairs of images of one cohort: few images in memory, every pair kept in a store."""

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch

from plausibrain.cohorts.cohort import OK, Cohort
from plausibrain.cohorts.errors import MeasurementError, PlausibrainError
from plausibrain.cohorts.store import Store
from plausibrain.evaluation.diversity.registry import SIMILARITIES, Similarity
from plausibrain.evaluation.diversity.sampling import ring_pairs
from plausibrain.evaluation.standard_brain import Source

#: Raise when a definition changes: stored pairs are compared again.
_VERSION = 1
#: Pairs per cohort, as many as in table 1 of the brain LDM paper.
N_PAIRS = 1000
Progress = Callable[[str, int, int], None]


def all_similarities() -> list[Similarity]:
    """Return every similarity, by name."""
    return list(SIMILARITIES.discover("plausibrain.evaluation.diversity.similarities"))


@dataclass
class _Prepared:
    """The last few images, prepared for every similarity."""

    sources: Sequence[Source | None]
    plugins: Sequence[Similarity]
    voxel_mm: float
    most: int
    held: "OrderedDict[int, tuple[Any, ...]]" = field(default_factory=OrderedDict)

    def __getitem__(self, row: int) -> tuple[Any, ...]:
        if row in self.held:
            self.held.move_to_end(row)
            return self.held[row]
        source = self.sources[row]
        if source is None:
            raise MeasurementError("no image with labels")
        brain = torch.from_numpy(source.brain(self.voxel_mm))
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
    pairs = [(by_id[i], by_id[j]) for i, j in ring_pairs(clusters, n_pairs, np.random.default_rng(seed))]
    plugins = all_similarities()
    cache = _Prepared(sources, plugins, voxel_mm, most=1 + max(1, len(pairs) // max(1, len(by_id))))
    ids = cohort.subjects["participant_id"].to_numpy(dtype=str)
    rows = []
    for n_done, (i, j) in enumerate(pairs):
        if progress is not None:
            progress("similarity of pairs", n_done, len(pairs))
        rows.append({"first": ids[i], "second": ids[j], **_compare(cache, i, j, store)})
    return pd.DataFrame(rows, columns=["first", "second", *(p.name for p in plugins), "reason"])


def _compare(cache: _Prepared, i: int, j: int, store: Store) -> dict[str, object]:
    first, second = cache.sources[i], cache.sources[j]
    if first is None or second is None:
        raise MeasurementError("no image with labels")
    settings = {plugin.name: plugin.settings for plugin in cache.plugins}
    key = Store.key("pair", first.key, second.key, cache.voxel_mm, settings, _VERSION)
    path = store.get(key, ".json")
    if path is not None:
        result: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
        return result
    try:
        a, b = cache[i], cache[j]
    except PlausibrainError as error:
        return {**dict.fromkeys(settings, np.nan), "reason": str(error)}
    values = {p.name: p(x, y) for p, x, y in zip(cache.plugins, a, b, strict=True)} | {"reason": ""}
    store.put_text(key, ".json", json.dumps(values))
    return values
