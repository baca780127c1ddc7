"""Question 3: spread, tails, asymmetry and allometry of every structure."""

from typing import Any

import numpy as np
import pandas as pd

from plausibrain.analysis.effect_maps import both_and_difference
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.homologues import homologous
from plausibrain.analysis.pair import Pair, Role, Weighted
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.regression import fit
from plausibrain.analysis.results import common_columns, estimate_rows, evaluate_on, from_logarithm
from plausibrain.analysis.settings import HeadSize
from plausibrain.analysis.spread_ratio import log_sd_ratio

TAILS = (0.025, 0.975)


@ESTIMATES.register(
    label="Spread of volumes",
    unit="",
    source=("Wierenga2022",),
    quantities={
        "sd_ratio": Quantity(
            "Ratio of standard deviations",
            "Spread is compared by ratios of standard deviations of subjects of the same age "
            "and sex [@Wierenga2022], on the logarithmic scale.",
        ),
        "share_in_tails": Quantity("Subjects outside the central 95 % of the reference"),
        "asymmetry_index": Quantity("Left–right asymmetry index"),
        "allometric_slope": Quantity("Slope of log volume on log head size"),
    },
)
def spread(pairs: Pairs) -> pd.DataFrame:
    """Return ratios of standard deviations, shares in the tails, asymmetry and allometry."""
    parts = [_sd_ratios(pairs, headsize) for headsize in ("none", pairs.full.frame.headsize)]
    parts += [_tails(pairs), *_asymmetry(pairs)]
    if pairs.full.frame.has_tiv:
        parts += _allometry(pairs)
    return pd.concat(parts, ignore_index=True).drop_duplicates(
        ["quantity", "structure", "headsize", "cohort"]
    )


def _common(pairs: Pairs) -> dict[str, Any]:
    return common_columns(pairs.full, question=3, analysis="spread")


def _sd_ratios(pairs: Pairs, headsize: HeadSize) -> pd.DataFrame:
    frame = pairs.full.frame
    names = frame.names(headsize)

    def log_ratio(pair: Pair) -> np.ndarray:
        return log_sd_ratio(pair, headsize)[:, : len(names)]

    estimate, draws, null = evaluate_on(log_ratio, pairs.full, pairs.bootstrap, pairs.null)
    edge = np.log(frame.settings.spread_margin)
    table = estimate_rows(
        **_common(pairs), quantity="sd_ratio", structures=names, estimate=estimate, draws=draws, null=null,
        unit="ratio", headsize=headsize, margin=np.full(len(names), edge),
    )  # fmt: skip
    return from_logarithm(table)


def _tails(pairs: Pairs) -> pd.DataFrame:
    """Share of generated subjects outside the central 95 % of real subjects of the same age and sex."""
    frame = pairs.full.frame
    edges = np.quantile(frame.reference.features, TAILS, axis=0)

    def share(pair: Pair) -> np.ndarray:
        side = pair.generated
        outside = (side.arrays.features < edges[0]) | (side.arrays.features > edges[1])
        return side.means(outside)

    estimate, draws, null = evaluate_on(share, pairs.full, pairs.bootstrap, pairs.null)
    return estimate_rows(
        **_common(pairs), quantity="share_in_tails", structures=frame.outcome_names, estimate=estimate,
        draws=draws, null=null, unit="share", cohort="generated", no_effect=0.05,
    )  # fmt: skip


def _asymmetry(pairs: Pairs) -> list[pd.DataFrame]:
    frame = pairs.full.frame
    names = [frame.structures[left] for left, _ in homologous(frame.structures)]
    if not names:
        return []

    def index(role: Role, pair: Pair) -> np.ndarray:
        side = pair.side(role)
        return 100 * side.means(side.arrays.asymmetry)

    return both_and_difference(
        pairs, index, _common(pairs), quantity="asymmetry_index", structures=names, unit="%"
    )


def _allometry(pairs: Pairs) -> list[pd.DataFrame]:
    """Slope of log volume on log head size, adjusted for age and sex: 1 means proportional."""
    frame = pairs.full.frame

    def slope(role: Role, pair: Pair) -> np.ndarray:
        return _log_log_slope(pair.side(role), frame.model(tiv=False))

    names = list(frame.structures)
    return both_and_difference(
        pairs, slope, _common(pairs), quantity="allometric_slope", structures=names, unit=""
    )


def _log_log_slope(side: Weighted, columns: list[int]) -> np.ndarray:
    sample, design = side.arrays.sample, side.arrays.design[:, columns]
    if sample.tiv is None:
        raise ValueError("allometry needs head size")
    log_tiv = np.log(sample.tiv)
    x = np.column_stack([design, log_tiv - log_tiv.mean()])
    with np.errstate(divide="ignore"):
        y = np.log(np.where(sample.volumes > 0, sample.volumes, np.nan))
    y = np.where(np.isfinite(y), y, np.nanmean(y, axis=0))
    return fit(side.moments_of(x, y - y.mean(axis=0))).beta[:, -1]
