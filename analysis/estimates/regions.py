"""Question 2: how many regions differ little, in cortex, subcortex and everywhere, and lobe by lobe."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.published_size import share_small
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import common_columns, estimate_rows, evaluate_on
from plausibrain.analysis.settings import HeadSize
from plausibrain.cohorts.lobes import lobes_of, region_groups


@ESTIMATES.register(
    label="Regions with a small difference",
    unit="share",
    source=("Peng2023", "Desikan2006"),
    quantities={
        "region_share_small": Quantity(
            "Regions with |d| < 0.2, adjusted",
            "The share of regions that differ by a small effect (|d| < 0.2), BrainSynth’s headline "
            "[@Peng2023], is given for cortical parcels [@Desikan2006], subcortical grey matter and all "
            "structures, beside the same share between halves of the reference.",
        ),
        "region_share_small_published": Quantity("Regions with |d| < 0.2, published formula"),
        "lobe_difference": Quantity("Mean adjusted difference of the parcels of a lobe"),
        "lobe_share_small": Quantity("Parcels with |d| < 0.2 in a lobe, adjusted"),
    },
)
def regions(pairs: Pairs) -> pd.DataFrame:
    """Return shares of small differences by group of structures, and mean and share by lobe and side."""
    frame = pairs.full.frame
    adjusted_map, published_map = partial(_adjusted, headsize=frame.headsize), _published
    headsize: HeadSize = "pooled_residual" if frame.has_tiv else "none"
    tables = []
    for group, members in region_groups(frame.structures).items():
        for quantity, function, convention in (
            ("region_share_small", adjusted_map, frame.headsize),
            ("region_share_small_published", published_map, headsize),
        ):
            tables.append(_row(pairs, quantity, function, share_small, members, group, "share", convention))
    for lobe, members in lobes_of(frame.structures).items():
        for quantity, reduce, unit in (
            ("lobe_difference", _mean, "SD"),
            ("lobe_share_small", share_small, "share"),
        ):
            tables.append(_row(pairs, quantity, adjusted_map, reduce, members, lobe, unit, frame.headsize))
    return pd.concat(tables, ignore_index=True)


def _adjusted(pair: Pair, headsize: HeadSize) -> np.ndarray:
    return pair.difference(headsize)


def _published(pair: Pair) -> np.ndarray:
    return pair.published_difference(residual=pair.frame.has_tiv)


def _mean(differences: np.ndarray) -> np.ndarray:
    mean: np.ndarray = differences.mean(axis=1)
    return mean


def _row(
    pairs: Pairs,
    quantity: str,
    function: Callable[[Pair], np.ndarray],
    reduce: Callable[[np.ndarray], np.ndarray],
    members: list[int],
    stratum: str,
    unit: str,
    headsize: HeadSize,
) -> pd.DataFrame:
    def value(pair: Pair) -> np.ndarray:
        return reduce(function(pair)[:, members])[:, None]

    estimate, draws, null, matched = evaluate_on(
        value, pairs.full, pairs.bootstrap, pairs.null, pairs.matched
    )
    return estimate_rows(
        **common_columns(pairs.full, question=2, analysis="regions"), quantity=quantity, structures=[""],
        estimate=estimate, draws=draws, null=null, matched=matched, unit=unit, headsize=headsize,
        stratum=stratum, no_effect=0.0 if unit == "SD" else None,
        bounds=(0.0, 1.0) if unit == "share" else (-np.inf, np.inf),
    )  # fmt: skip
