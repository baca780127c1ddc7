"""Question 8: every distance between image features, for every extractor, beside split-half reference.

The column `structure` holds the extractor with the hash of its weights and settings. These are the numbers
that papers on generators report, with what papers leave out: the interval, n, and what two halves of the
reference give. Verdicts are about a few of them only (`plausibrain.analysis.headlines`).
"""

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.feature_registry import all_distances
from plausibrain.analysis.feature_samples import extractor_names, present
from plausibrain.analysis.pair import ROLES, Pair
from plausibrain.analysis.results import COLUMNS, ESTIMATES, common_columns, estimate_rows
from plausibrain.cohorts.registry import Plugin

#: Fewer images than this are no cloud.
MIN_IMAGES = 20


@ESTIMATES.register(
    label="Distances between image features", unit="", source=("Heusel2017", "Binkowski2018", "Naeem2020")
)
def feature_distances(pairs: Pairs) -> pd.DataFrame:
    """Return one row per distance and extractor."""
    names = extractor_names(pairs.full.frame)
    rows = [_row(pairs, plugin, name) for name in names for plugin in all_distances()]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)


def _row(pairs: Pairs, plugin: Plugin, name: str) -> pd.DataFrame:
    n = [int(present(pairs.full.side(role).prepared, name).sum()) for role in ROLES]
    d = pairs.full.frame.reference.clouds[name].shape[1]
    common = common_columns(pairs.full, question=8, analysis="feature_distances") | {"n": (n[0], n[1])}
    reason = _refusal(plugin, min(n), d)
    if reason:
        nothing = np.full((1, 1), np.nan)
        table = estimate_rows(
            **common, quantity=plugin.name, structures=[name], estimate=nothing[0], draws=nothing,
            unit=plugin.unit, no_effect=None,
        )  # fmt: skip
        return table.assign(status="not_applicable", reason=reason)
    caveat = plugin.options["caveat"]
    table = estimate_rows(
        **common, quantity=plugin.name, structures=[name], estimate=plugin(pairs.full, name),
        draws=plugin(_draws(pairs, plugin), name)[:, None],
        null=plugin(pairs.null.first(plugin.options["max_splits"]), name)[:, None],
        unit=plugin.unit, no_effect=None,
    )  # fmt: skip
    table[["ci_low", "ci_high"]] = table[["ci_low", "ci_high"]].clip(*plugin.bounds)
    said = "; ".join(filter(None, [caveat(min(n), d) if caveat else "", _matched(pairs, plugin, name)]))
    return table.assign(reason=table["reason"].where(table["status"] != "ok", said))


def _matched(pairs: Pairs, plugin: Plugin, name: str) -> str:
    """Return the distance of reference and generated groups of the size of the split halves, in words."""
    values = plugin(pairs.matched.first(plugin.options["max_splits"]), name)
    known = values[np.isfinite(values)]
    if not len(known):
        return ""
    low, middle, high = np.quantile(known, [0.025, 0.5, 0.975])
    m = pairs.full.frame.split_size
    return f"at the n of the halves ({m}): {middle:.6g} ({low:.6g} to {high:.6g})"


def _draws(pairs: Pairs, plugin: Plugin) -> Pair:
    if plugin.options["draws"] == "bootstrap":
        return pairs.bootstrap
    return pairs.halves.first(plugin.options["max_splits"])


def _refusal(plugin: Plugin, n: int, d: int) -> str:
    if n < MIN_IMAGES:
        return f"{n} images with features; at least {MIN_IMAGES} are needed"
    if d > plugin.options["longest"]:
        return f"vectors of {d} numbers; at most {plugin.options['longest']} make sense of this distance"
    return ""
