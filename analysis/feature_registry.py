"""Where distances between clouds of image features register themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.cohorts.registry import Plugin, Registry

DistanceFunction = Callable[[Pair, str], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class FeatureDistance(Plugin):
    """A distance: a function of a `Pair` and an extractor that returns one number per replicate, (B,).

    Parameters
    ----------
    label, unit, better, source, bounds, methods
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

    ideal: float
    draws: Literal["bootstrap", "halves"] = "halves"
    max_splits: int = 40
    longest: int = 1_000_000
    caveat: Callable[[int, int], str] | None = None


FEATURE_DISTANCES = Registry("feature_distances", FeatureDistance)
feature_distance = FEATURE_DISTANCES.register


def all_distances() -> list[FeatureDistance]:
    """Return every distance, by name."""
    return list(FEATURE_DISTANCES.discover("plausibrain.analysis.feature_distances"))
