"""What folders of very many subjects cost: finding the images of a cohort, and entries of a store."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from plausibrain.cohorts.bids import image_path
from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.store import Store

Result = TypeVar("Result")
N_LOOKUPS = 10_000


def folder_lines(folder: Path, n: int) -> list[str]:
    """Make a BIDS folder of n subjects with empty images and a store of n entries, and time what a run does."""
    names = [f"sub-{k:06d}" for k in range(n)]
    cohort, store = folder / "cohort", Store(folder / "store")
    _, made = _timed(lambda: _write_cohort(cohort, names))
    keys = [Store.key(name) for name in names]
    _, filled = _timed(lambda: _fill(store, keys))
    listed, listing = _timed(lambda: sum(1 for _ in cohort.iterdir()))
    read, reading = _timed(lambda: read_cohort(cohort))
    if read.images is None or sum(path is not None for path in read.images) != n or listed != n + 1:
        raise SystemExit("not every image was found")
    chosen = np.random.default_rng(0).permutation(n)[:N_LOOKUPS]
    _, opening = _timed(lambda: [image_path(cohort, names[k]).stat() for k in chosen])
    hits, looking = _timed(lambda: [store.get(keys[k], ".json") for k in chosen])
    misses, missing = _timed(lambda: [store.get(keys[k], ".npy") for k in chosen])
    if None in hits or any(misses):
        raise SystemExit("the store does not hold what was put in")
    _, sweeping = _timed(store.sweep)
    sizes = Counter(key[:2] for key in keys)
    return [
        f"{n} folders sub-*/anat made in {made:.0f} s, {n} entries of a store in {filled:.0f} s (processor)",
        f"listing the folder of the cohort {listing:.2f} s; reading the cohort with all its images {reading:.1f} s",
        f"an image is found by its path in {1e6 * opening / len(chosen):.0f} microseconds, an entry of the store "
        f"in {1e6 * looking / len(chosen):.0f}, one that is not there in {1e6 * missing / len(chosen):.0f}",
        f"the store has {len(sizes)} folders of at most {max(sizes.values())} entries; looking through all for "
        f"temporary files takes {sweeping:.2f} s",
    ]


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """Return a result with the seconds of the processor that it took."""
    start = time.process_time()
    return work(), time.process_time() - start


def _write_cohort(folder: Path, names: list[str]) -> None:
    for name in names:
        path = image_path(folder, name)
        path.parent.mkdir(parents=True)
        path.touch()
    subjects = pd.DataFrame({"participant_id": names, "age": 40.0, "sex": "F"})
    subjects.to_csv(folder / "participants.tsv", sep="\t", index=False)


def _fill(store: Store, keys: list[str]) -> None:
    """Write entries as `Store.put` places them, without waiting for the disk each time."""
    for key in keys:
        path = store.folder / key[:2] / f"{key}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
