"""Question 8: every distance between image features, for every extractor, beside split-half reference.

The column `structure` holds the extractor with the hash of its weights and settings. These are the numbers
that papers on generators report, with what papers leave out: the interval, n, what two halves of the
reference give, and the generated cohort at the n of these halves. Most of these distances fall with n, so
only the last two may be compared. Verdicts are about a few of them only (`plausibrain.analysis.headlines`).
"""

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.feature_registry import FeatureDistance, all_distances
from plausibrain.analysis.feature_samples import extractor_names, present
from plausibrain.analysis.pair import ROLES, Pair
from plausibrain.analysis.quantities import ESTIMATES
from plausibrain.analysis.results import COLUMNS, common_columns, estimate_rows

#: Fewer images than this are no cloud.


@ESTIMATES.register(
    label="Distances between image features", unit="", source=("Heusel2017", "Binkowski2018", "Naeem2020")
)
def feature_distances(pairs: Pairs) -> pd.DataFrame:
    """Return one row per distance and extractor."""
    names = extractor_names(pairs.full.frame)
    rows = [_row(pairs, plugin, name) for name in names for plugin in all_distances()]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)


def _row(pairs: Pairs, plugin: FeatureDistance, name: str) -> pd.DataFrame:
    n = [int(present(pairs.full.side(role).arrays, name).sum()) for role in ROLES]
    d = pairs.full.frame.reference.clouds[name].shape[1]
    common = common_columns(pairs.full, question=8, analysis="feature_distances") | {"n": (n[0], n[1])}
    reason = _refusal(plugin, min(n), d, pairs.full.frame.settings.rules.min_vectors)
    if reason:
        nothing = np.full((1, 1), np.nan)
        table = estimate_rows(
            **common, quantity=plugin.name, structures=[name], estimate=nothing[0], draws=nothing,
            unit=plugin.unit, no_effect=None,
        )  # fmt: skip
        return table.assign(status="not_applicable", reason=reason)
    caveat, most = plugin.caveat, plugin.max_splits
    table = estimate_rows(
        **common, quantity=plugin.name, structures=[name], estimate=plugin(pairs.full, name),
        draws=plugin(_draws(pairs, plugin), name)[:, None],
        null=plugin(pairs.null.first(most), name)[:, None],
        matched=plugin(pairs.matched.first(most), name)[:, None],
        unit=plugin.unit, no_effect=None, bounds=plugin.bounds,
    )  # fmt: skip
    note = caveat(min(n), d) if caveat else ""
    return table.assign(reason=table["reason"].where(table["status"] != "ok", note))


def _draws(pairs: Pairs, plugin: FeatureDistance) -> Pair:
    if plugin.draws == "bootstrap":
        return pairs.bootstrap
    return pairs.halves.first(plugin.max_splits)


def _refusal(plugin: FeatureDistance, n: int, d: int, least: int) -> str:
    if n < least:
        return f"{n} images with features; at least {least} are needed"
    if d > plugin.longest:
        return f"vectors of {d} numbers; at most {plugin.longest} make sense of this distance"
    return ""
