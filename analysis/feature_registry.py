"""Where distances between clouds of image features register themselves."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.cohorts.registry import UNBOUNDED, Plugin, Registry

FEATURE_DISTANCES = Registry("feature_distances")
DistanceFunction = Callable[[Pair, str], np.ndarray]


def feature_distance(
    *,
    label: str,
    unit: str,
    better: str,
    ideal: float,
    source: tuple[str, ...] = (),
    bounds: tuple[float, float] = UNBOUNDED,
    draws: Literal["bootstrap", "halves"] = "halves",
    max_splits: int = 40,
    longest: int = 1_000_000,
    caveat: Callable[[int, int], str] | None = None,
) -> Callable[[DistanceFunction], DistanceFunction]:
    """Register a distance: a function of a `Pair` and an extractor, one number per replicate, (B,).

    Parameters
    ----------
    label, unit, better, source, bounds
        As in `plausibrain.cohorts.registry.Plugin`.
    ideal : float
        Value for two samples of one population, however large.
    draws : {"bootstrap", "halves"}
        Where the interval comes from: resampled subjects, or half-samples where subjects drawn twice would be
        taken for near-duplicates.
    max_splits : int
        Most half-samples and splits.
    longest : int
        Longest vectors for which it is computed.
    caveat : callable, optional
        `f(n, d)` with the smaller number of images and the length of the vectors: what to keep in mind.
    """
    options: dict[str, Any] = {
        "ideal": ideal, "draws": draws, "max_splits": max_splits, "longest": longest, "caveat": caveat,
    }  # fmt: skip
    return FEATURE_DISTANCES.register(
        label=label, unit=unit, better=better, bounds=bounds, source=source, options=options
    )


def all_distances() -> list[Plugin]:
    """Return every distance, by name."""
    return list(FEATURE_DISTANCES.discover("plausibrain.analysis.feature_distances"))
